import Cluster
import HTTPTransport
import ScaledStorageClient
import Testing

@testable import Commands

struct ClusterEngineBlockingTests {
  @Test func `an answer in another format is an error, not a crash`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { exchange in exchange.setBody(Array("DIDLx".utf8)) }
    let connection = try ClusterEngine(
      loop: loop, ClusterEngine.Settings(endpoint: HTTPEndpoint("http://\(server.address)")))
    #expect(throws: CommandFailure.self) { try connection.ring() }
  }

  @Test func `nobody listening is an error that names the address`() throws {
    let loop = try EventLoop()
    let server = try FakeServer(loop) { _ in }
    let address = server.address
    var settings = ClusterEngine.Settings(endpoint: try HTTPEndpoint("http://\(address)"))
    settings.connectPatience = .milliseconds(50)
    let connection = try ClusterEngine(loop: loop, settings)
    server.close()
    let error = #expect(throws: CommandFailure.self) { try connection.perform(.get([0x61])) }
    #expect(error?.message.contains("\(address)") == true)
  }

  @Test func `many requests at a time are all answered`() throws {
    let cluster = try FakeCluster()
    let connection = try cluster.connect()
    var next = 0
    var created = 0
    let pump = Pump(limit: 100) { done in
      guard next < 2_000 else { return .exhausted }
      next += 1
      connection.send(.put(Array("key \(next)".utf8), Array("\(next)".utf8))) { result in
        if case .success(let reply) = result, reply.status == 201 { created += 1 }
        done()
      }
      return .started
    }
    connection.run(pump)
    #expect(created == 2_000)
    #expect(cluster.count == 2_000)
    #expect(cluster.value("key 77") == "77")
  }
}
