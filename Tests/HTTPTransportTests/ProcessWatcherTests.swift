import Foundation
import Glibc
import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ProcessWatcherTests {
  final class Outcome {
    var exit: ProcessExit?
  }

  private func start(
    _ script: String, output: ProcessOutput = .discard, error: ProcessOutput = .discard,
    newSession: Bool = true
  ) throws -> Int32 {
    try ProcessWatcher.spawn(
      executable: "/bin/sh", arguments: ["-c", script], environment: ["GREETING=hello world"],
      standardOutput: output, standardError: error, newSession: newSession)
  }

  private func exit(of process: Int32, _ started: (ProcessWatcher) throws -> Void = { _ in })
    throws -> ProcessExit?
  {
    let loop = try EventLoop()
    let outcome = Outcome()
    let watcher = try loop.watchExit(of: process) { exit in
      outcome.exit = exit
      loop.stop()
    }
    try started(watcher)
    loop.run()
    return outcome.exit
  }

  @Test(arguments: [0, 3, 255]) func tellsTheExitStatus(status: Int32) throws {
    #expect(try exit(of: start("exit \(status)")) == .exited(status))
  }

  @Test func signalsExactlyThatProcess() throws {
    let process = try start("exec sleep 60")
    #expect(try exit(of: process) { try $0.send(signal: SIGKILL) } == .signalled(SIGKILL))
    #expect(throws: TransportError.self) { try EventLoop().watchExit(of: process) { _ in } }
  }

  @Test func watchesAProcessThatIsNotAChild() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    // The grandchild writes its number and lives on until it is told to end.
    let parent = try start("sleep 60 & echo $!", output: .descriptor(ends[1]))
    close(ends[1])
    let pipe = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
    var text = ""
    while !text.contains("\n") {
      let bytes = pipe.availableData
      if bytes.isEmpty { break }
      text += String(decoding: bytes, as: UTF8.self)
    }
    let grandchild = try #require(Int32(text.dropLast()))
    #expect(try exit(of: parent) == .exited(0))
    #expect(try exit(of: grandchild) { try $0.send(signal: SIGTERM) } == .unknown)
  }

  @Test func startsACleanProcess() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    // A descriptor without close-on-exec, which must not be passed on either.
    let leak = open("/dev/null", O_RDONLY)
    defer { close(leak) }
    let process = try start(
      "echo $GREETING; ls /proc/self/fd; read line || echo end; "
        + "awk '/SigBlk|SigIgn/{print $2}' /proc/self/status; echo oops >&2",
      output: .file(file.path), error: .file(file.path))
    #expect(try exit(of: process) == .exited(0))
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    // 3 is the directory that ls reads. The C library ignores its two internal signals.
    try #require(lines.count == 9)
    #expect(lines[..<7] == ["hello world", "0", "1", "2", "3", "end", "0000000000000000"])
    #expect((UInt64(lines[7], radix: 16) ?? .max) & ~0x1_8000_0000 == 0)
    #expect(lines[8] == "oops")
  }

  @Test(arguments: [true, false]) func aNewSessionIsOnlyMadeWhenAsked(newSession: Bool) throws {
    let process = try start("exec sleep 60", newSession: newSession)
    #expect((getsid(process) == process) == newSession)
    #expect(try exit(of: process) { try $0.send(signal: SIGKILL) } == .signalled(SIGKILL))
  }

  @Test func oneDescriptorServesBothOutputs() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let process = try start(
      "echo out; echo err >&2", output: .descriptor(ends[1]), error: .descriptor(ends[1]))
    close(ends[1])
    #expect(try exit(of: process) == .exited(0))
    let pipe = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
    #expect(String(decoding: pipe.readDataToEndOfFile(), as: UTF8.self) == "out\nerr\n")
  }

  @Test func aMissingProgramIsAnError() {
    #expect {
      try ProcessWatcher.spawn(executable: "/nonexistent", arguments: [], environment: [])
    } throws: { error in
      (error as? TransportError)?.message.contains("/nonexistent") == true
    }
  }
}
