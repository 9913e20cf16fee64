import HTTPTransport
import Testing

@testable import ScaledStorageService

struct LimitOptionsTests {
  private func apply(_ text: String, to limits: inout ServerLimits) throws {
    let configuration = try Configuration(file: nil, environment: [:])
    try LimitOptions.apply(text, to: &limits, configuration)
  }

  @Test("Every limit can be set by its name") func everyLimit() throws {
    var limits = ServerLimits()
    let values = LimitOptions.all.map { $0.name.hasSuffix("timeout") ? "0.5" : "7" }
    let names = LimitOptions.all.map(\.name)
    let text = zip(names, values).map { "\($0)=\($1)" }.joined(separator: ", ")
    try apply(text, to: &limits)
    #expect(limits.maxConnections == 7)
    #expect(limits.maxIdleFrames == 7)
    #expect(limits.frameWindow == .seconds(7))
    #expect(limits.idleTimeout == .milliseconds(500))
    try apply("max-buffered-bytes=64M,max-waiting=5", to: &limits)
    #expect(limits.maxBufferedBytes == 64 << 20)
    #expect(limits.maxWaiting == 5)
  }

  @Test("A list without limits changes nothing") func empty() throws {
    var limits = ServerLimits()
    try apply("", to: &limits)
    #expect(limits.maxConnections == ServerLimits().maxConnections)
  }

  @Test(
    "What cannot be read is named, with what can",
    arguments: [
      ("max-conections=5", "max-connections"), ("max-connections", "NAME=VALUE"),
      ("max-connections=many", "a number"), ("max-connections=-1", "a number"),
      ("idle-timeout=0", "seconds"), ("idle-timeout=nan", "seconds"),
      ("idle-timeout=1e99", "seconds"), ("max-body-bytes=2X", "bytes"),
    ])
  func malformed(text: String, words: String) {
    var limits = ServerLimits()
    let error = #expect(throws: ConfigurationError.self) {
      try apply(text, to: &limits)
    }
    #expect(error?.message.contains(words) == true)
  }
}
