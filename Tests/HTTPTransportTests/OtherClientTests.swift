import Foundation
import HTTPTransport
import Testing

/// The server against clients that others wrote, where this machine has them.
@Suite(.timeLimit(.minutes(1)))
struct OtherClientTests {
  static func has(_ tool: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: "/usr/bin/\(tool)")
  }

  static func run(_ tool: String, _ arguments: [String]) throws -> String {
    let output = Pipe()
    let process = try ProcessWatcher.spawn(
      executable: "/usr/bin/\(tool)", arguments: arguments, environment: [],
      standardOutput: .descriptor(output.fileHandleForWriting.fileDescriptor))
    try output.fileHandleForWriting.close()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    var status: Int32 = -1
    waitpid(process, &status, 0)
    #expect(status == 0)
    return String(decoding: bytes, as: UTF8.self)
  }

  static let curl = ["-sS", "--max-time", "20", "--noproxy", "*"]

  @Test(
    .enabled(if: has("curl")),
    arguments: [
      ("--http1.1", "http1"), ("--http2", "http2"), ("--http2-prior-knowledge", "http2"),
    ])
  func curlGetsAndPosts(option: String, version: String) throws {
    let harness = try ServerHarness()
    let url = "http://\(harness.address)"
    let get = try OtherClientTests.run(
      "curl", OtherClientTests.curl + [option, "\(url)/describe?a"])
    #expect(get == "GET /describe a \(version) 0 host=\(harness.address) x=-")
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(TestHandler.pattern(1_500_000)).write(to: file)
    let post = try OtherClientTests.run(
      "curl", OtherClientTests.curl + [option, "-T", file.path, "\(url)/describe"])
    #expect(post.contains("PUT /describe  \(version) 1500000 "))
    let size = try OtherClientTests.run(
      "curl",
      OtherClientTests.curl + [
        option, "-o", "/dev/null", "-w", "%{http_code} %{size_download}", "\(url)/large?5000000",
      ])
    #expect(size == "200 5000000")
  }

  @Test(.enabled(if: has("curl")), arguments: ["--http1.1", "--http2-prior-knowledge"])
  func curlSeesWhyAnUploadIsRefused(option: String) throws {
    var limits = ServerLimits()
    limits.maxBodyBytes = 1_000
    let harness = try ServerHarness(limits)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(TestHandler.pattern(3_000_000)).write(to: file)
    let answer = try OtherClientTests.run(
      "curl",
      OtherClientTests.curl + [
        option, "-w", "%{http_code}", "-H", "Expect:", "-T", file.path,
        "http://\(harness.address)/echo",
      ])
    #expect(answer.contains("body_too_large"))
    #expect(answer.hasSuffix("413"))
  }

  @Test(.enabled(if: has("h2load"))) func h2loadFinishesEveryRequest() throws {
    let harness = try ServerHarness()
    let output = try OtherClientTests.run(
      "h2load", ["-n", "5000", "-c", "10", "-m", "50", "http://\(harness.address)/hello"])
    #expect(output.contains("5000 succeeded, 0 failed, 0 errored"))
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
  }

  @Test(.enabled(if: has("nghttp"))) func nghttpUpgrades() throws {
    let harness = try ServerHarness()
    let output = try OtherClientTests.run("nghttp", ["-u", "http://\(harness.address)/hello"])
    #expect(output == "hello")
  }
}
