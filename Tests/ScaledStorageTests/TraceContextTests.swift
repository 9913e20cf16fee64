import Testing

@testable import ScaledStorage

/// `traceparent`, as W3C Trace Context writes it.
struct TraceContextTests {
  private func parse(_ text: String) -> TraceContext? {
    Array(text.utf8).withUnsafeBytes { TraceContext($0) }
  }

  @Test("What is read is written again")
  func roundTrip() throws {
    let text = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
    let context = try #require(parse(text))
    #expect(context.text == text && context.isSampled)
    #expect(context.traceText == "0af7651916cd43dd8448eb211c80319c")
    let unsampled = try #require(parse(text.dropLast(2) + "02"))
    #expect(!unsampled.isSampled)
    #expect(parse("cc" + text.dropFirst(2) + "-what-comes-later")?.isSampled == true)
  }

  @Test(
    "What is none is refused",
    arguments: [
      "", "00", "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
      "ff-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
      "00-0AF7651916CD43DD8448EB211C80319C-00f067aa0ba902b7-01",
      "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-more",
      "cc-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01more",
      "00_0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
      "00-0af7651916cd43dd8448eb211c80319g-00f067aa0ba902b7-01",
    ])
  func malformed(text: String) {
    #expect(parse(text) == nil)
  }

  @Test("A trace of its own is one that others can read")
  func root() {
    let root = TraceContext.root()
    #expect(parse(root.text) == root)
  }
}
