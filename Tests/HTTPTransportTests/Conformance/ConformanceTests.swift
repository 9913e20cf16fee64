import Foundation
import HTTPTransport
import Testing

/// What RFC 9113 and RFC 7541 demand of a server, frame by frame; and the same demands made of
/// another server, which tells whether the suite itself is right.
@Suite(.timeLimit(.minutes(5)))
struct ConformanceTests {
  static let cases =
    FramingCases.all + StreamCases.all + FrameCases.all + MessageCases.all + HPACKCases.all

  @Test(arguments: cases) func theServerDoesWhatItMust(test: ConformanceCase) throws {
    let harness = try ServerHarness()
    let fault = try ConformanceRunner.fault(of: test, at: harness.address)
    #expect(fault == nil)
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
    try expectAlive(harness)
  }

  @Test func eachCaseHasANameOfItsOwn() {
    #expect(
      Set(ConformanceTests.cases.map(\.testDescription)).count == ConformanceTests.cases.count)
  }

  /// The server named by CONFORMANCE_PEER, as 127.0.0.1:8080, is held to all of it.
  @Test(.enabled(if: named != nil), arguments: cases)
  func anotherServerDoesWhatItMust(test: ConformanceCase) throws {
    let address = try SocketAddress(try #require(ConformanceTests.named))
    #expect(try ConformanceRunner.fault(of: test, at: address) == nil)
  }

  private static let named = ProcessInfo.processInfo.environment["CONFORMANCE_PEER"]

  @Test(.enabled(if: NghttpdProcess.isInstalled)) func nghttpdDoesWhatItMustApartFromWhatIsKnown()
    throws
  {
    let server = try NghttpdProcess()
    var exceptions = NghttpdProcess.exceptions
    for test in ConformanceTests.cases {
      let fault = try ConformanceRunner.fault(of: test, at: server.address)
      let reason = exceptions.removeValue(forKey: test.testDescription)
      #expect((fault == nil) == (reason == nil), "\(test.testDescription): \(fault ?? "passed")")
    }
    #expect(exceptions.isEmpty, "these are no cases: \(exceptions.keys.sorted())")
  }
}

/// The server of nghttp2's own tools, on a port of its own until this is dropped.
final class NghttpdProcess {
  static let path = "/usr/sbin/nghttpd"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: path) }

  let address: SocketAddress
  private let process: pid_t
  private let output = Pipe()

  /// Where nghttpd does otherwise, and why that is its right or its fault.
  static let exceptions: [String: String] = [
    "RFC 9113 3.4: a preface that is wrong from the start is refused": mayOmitGoAway,
    "RFC 9113 3.4: a preface that is wrong later is refused": mayOmitGoAway,
    "RFC 9113 5.1.1: numbers grow: a stream that was passed over cannot be opened": forgets,
    "RFC 9113 5.1.1: a stream that was passed over is closed": forgets,
    "RFC 9113 6.9.2: a change of the initial window cannot overflow a window":
      "A fault: it resets the stream, but the whole connection is to end.",
    "RFC 9113 6.9.1: DATA beyond the window is refused":
      "It opens the window as fast as it reads, and has no limit for bodies.",
  ]
  private static let mayOmitGoAway = "It may close without GOAWAY here, and does."
  private static let forgets = "A fault: it ignores frames on streams that it does not know."

  init() throws {
    // The system gives no port twice in a row, so that this one stays free for a moment.
    address = try NghttpdProcess.freePort()
    process = try ProcessWatcher.spawn(
      executable: NghttpdProcess.path,
      arguments: ["-v", "--no-tls", "-d", "/nonexistent", "-a", "127.0.0.1", "\(address.port)"],
      environment: [],
      standardOutput: .descriptor(output.fileHandleForWriting.fileDescriptor))
    try output.fileHandleForWriting.close()
    // It says so when it listens.
    var text = ""
    while !text.contains("listen") {
      let piece = output.fileHandleForReading.availableData
      guard !piece.isEmpty else { throw HarnessError.notStarted }
      text += String(decoding: piece, as: UTF8.self)
    }
    // A full pipe would stop it.
    let reader = output.fileHandleForReading
    Thread.detachNewThread { while !reader.availableData.isEmpty {} }
  }

  deinit {
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
  }

  private static func freePort() throws -> SocketAddress {
    let harness = try ServerHarness()
    return harness.address
  }
}
