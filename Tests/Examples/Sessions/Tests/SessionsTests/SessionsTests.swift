import ScaledStorage
import ScaledStorageTesting
import Sessions
import Testing

@Suite struct SessionsTests {
  private func cluster(nodes: Int = 2) throws -> TestCluster<Session> {
    let cluster = try TestCluster(makeSessions(token: "secret"), nodes: nodes)
    cluster.headers = ["authorization": "Bearer secret"]
    return cluster
  }

  private func look(_ cluster: TestCluster<Session>) throws -> View? {
    try cluster.query("look", "id", as: View?.self)
  }

  @Test("A session that is not used for half an hour ends")
  func expiry() throws {
    let cluster = try cluster()
    try cluster.call("open", "id", "ada")
    try cluster.advance(by: .seconds(1_700))
    let view = try #require(try look(cluster))
    #expect(view.session.user == "ada")
    #expect(view.remaining <= 100_000)
    try cluster.advance(by: .seconds(101))
    #expect(try look(cluster) == nil)
  }

  @Test("A session that is used goes on")
  func use() throws {
    let cluster = try cluster()
    try cluster.call("open", "id", "ada")
    for _ in 0..<3 {
      try cluster.advance(by: .seconds(1_700))
      let view = try #require(try look(cluster))
      try cluster.call("save", "id", view.version, "seen")
    }
    #expect(try look(cluster)?.session.state == "seen")
  }

  @Test("Of two requests that read the same version, one saves")
  func compareAndSwap() throws {
    let cluster = try cluster()
    try cluster.call("open", "id", "ada")
    let version = try #require(try look(cluster)).version
    try cluster.call("save", "id", version, "first")
    let error = #expect(throws: CallError.self) {
      try cluster.call("save", "id", version, "second")
    }
    #expect(error?.status == 412)
    #expect(try look(cluster)?.session.state == "first")
  }

  @Test("An id is opened once, until its session is closed")
  func opening() throws {
    let cluster = try cluster()
    try cluster.call("open", "id", "ada")
    let error = #expect(throws: CallError.self) { try cluster.call("open", "id", "bob") }
    #expect(error?.code == "conflict")
    try cluster.call("close", "id")
    try cluster.call("open", "id", "bob")
    #expect(try look(cluster)?.session.user == "bob")
  }

  @Test("Who does not present the token is refused", arguments: ["", "Bearer wrong", "secret"])
  func token(header: String) throws {
    let cluster = try cluster()
    cluster.headers = ["authorization": header]
    let error = #expect(throws: CallError.self) { try cluster.call("open", "id", "ada") }
    #expect(error?.status == 401)
    #expect(try cluster.value(of: "id") == nil)
  }

  @Test("Sessions move with their time to new nodes")
  func scaling() throws {
    let cluster = try cluster(nodes: 1)
    for number in 0..<50 { try cluster.call("open", "id \(number)", "user \(number)") }
    try cluster.scale(to: 4)
    try cluster.advance(by: .seconds(1_700))
    for number in 0..<50 {
      let view = try cluster.query("look", "id \(number)", as: View?.self)
      #expect(view?.session.user == "user \(number)")
    }
    try cluster.advance(by: .seconds(200))
    for number in 0..<50 {
      #expect(try cluster.query("look", "id \(number)", as: View?.self) == nil)
    }
  }
}
