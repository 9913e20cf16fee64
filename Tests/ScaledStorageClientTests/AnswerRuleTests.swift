import HTTPTransport
import Testing
import WireProtocol

@testable import ScaledStorageClient

@Suite("What is sent again")
struct AnswerRuleTests {
  private typealias Row = (code: TransportError.Code, isRetryable: Bool, expected: [AnswerRule])

  /// Answers of servers are judged in ``EngineTests``, where they are made.
  @Test("Without an answer, only what certainly was not done, or may be done twice")
  func unanswered() {
    let again = AnswerRule.again(after: nil)
    // For a request that must not be done twice, and for one that may.
    let rows: [Row] = [
      (.connectFailed, true, [again, again]), (.refused, true, [again, again]),
      (.goAway, true, [again, again]), (.overloaded, true, [again, again]),
      (.connectionClosed, false, [.stands, .againInDoubt]),
      (.streamReset, false, [.stands, .againInDoubt]),
      (.timedOut, false, [.stands, .againInDoubt]), (.timedOut, true, [again, again]),
      (.tls, false, [.stands, .stands]), (.cancelled, false, [.stands, .stands]),
      (.tooLarge, false, [.stands, .stands]), (.protocolViolation, false, [.stands, .stands]),
      (.invalidRequest, false, [.stands, .stands]),
    ]
    for row in rows {
      let error = TransportError(row.code, "it failed", isRetryable: row.isRetryable)
      let decided = [false, true].map { AnswerRule.decide(error, isRepeatable: $0) }
      #expect(decided == row.expected, "\(row.code)")
    }
  }

  @Test("Pauses grow to a longest one, and half of each is by chance")
  func pauses() {
    var backoff = Backoff(from: .milliseconds(10), to: .milliseconds(80))
    for whole in [10, 20, 40, 80, 80, 80] {
      #expect(
        (Duration.milliseconds(whole) / 2...Duration.milliseconds(whole)).contains(backoff.next()))
    }
  }

  @Test(
    "A location leads where the cluster's own scheme leads",
    arguments: [
      ("http://127.0.0.1:80/kv/a?b", false, "127.0.0.1:80", "/kv/a?b"),
      ("https://node-1/kv/a", true, "node-1:443", "/kv/a"), ("/kv/a", true, nil, "/kv/a"),
    ])
  func locations(text: String, isSecure: Bool, authority: String?, target: String) throws {
    let location = try #require(Location(text, isSecure: isSecure))
    #expect(location.authority == authority && location.target == target)
    #expect(Location("http://127.0.0.1:80/kv/a", isSecure: true) == nil)
  }

  @Test("Epochs are read exactly", arguments: [("7", 7), ("", nil), ("-1", nil), ("1x", nil)])
  func digits(text: String, number: UInt64?) {
    #expect(UInt64(digits: text.utf8) == number)
    #expect(UInt64(digits: "18446744073709551616".utf8) == nil)
    #expect(UInt64(digits: "18446744073709551615".utf8) == .max)
  }
}
