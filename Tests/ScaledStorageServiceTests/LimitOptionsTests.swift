import HTTPTransport
import Testing

@testable import ScaledStorageService

struct LimitOptionsTests {
  private func apply(_ text: String, to limits: inout ServerLimits) throws {
    let configuration = try Configuration(file: nil, environment: [:])
    try LimitOptions.apply(text, to: &limits, configuration)
  }

  @Test("Every limit can be set by its name") func everyLimit() throws {
    let usual = ServerLimits()
    var limits = usual
    let text = LimitOptions.all.map { limit in
      "\(limit.name)=" + (limit.number.map { String($0(usual) - 1) } ?? "0.5")
    }.joined(separator: ", ")
    try apply(text, to: &limits)
    for number in LimitOptions.all.compactMap(\.number) {
      #expect(number(limits) == number(usual) - 1)
    }
    #expect(limits.frameWindow == .milliseconds(500))
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
      ("max-waiting=5,max-waiting=6", "a second time"), ("max-streams=0", "1 at the least"),
      ("max-connections=9223372036854775807", "1000000 at the most"),
    ])
  func malformed(text: String, words: String) {
    var limits = ServerLimits()
    let error = #expect(throws: ConfigurationError.self) {
      try apply(text, to: &limits)
    }
    #expect(error?.message.contains(words) == true)
  }
}
