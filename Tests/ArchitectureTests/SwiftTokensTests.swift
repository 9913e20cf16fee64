import Testing

@Suite struct SwiftTokensTests {
  private func words(_ text: String) -> [String] {
    SwiftTokenizer.tokens(of: text).filter { $0.kind == .word }.map(\.text)
  }

  private func strings(_ text: String) -> [String] {
    SwiftTokenizer.tokens(of: text).filter { $0.kind == .string }.map(\.text)
  }

  @Test(arguments: [
    "a // b\nc", "a /* b */ c", "a /* b /* b */ b */ c", "a /* // */ c", "a \"b\" c",
    "a \"\\\"b\" c", "a \"\"\"\n b \" b\n \"\"\" c", "a #\"b\" b \\\"# c", "a \"b\nc",
    "a \"// b\" c", "a \"b \\\\\" c",
  ])
  func commentsAndStringsHoldNoWords(text: String) {
    #expect(words(text) == ["a", "c"])
  }

  @Test(arguments: [
    "\"b \\(a(c)) b\"", "\"b \\(a) b \\(c)\"", "\"\\(a + \"b \\(c)\")\"",
    "#\"\\(b) \\#(a)\\#(c)\"#",
    "\"\"\"\n b \\(a) b\n \\(c)\n \"\"\"",
  ])
  func interpolationsAreCode(text: String) {
    #expect(words(text) == ["a", "c"])
  }

  @Test func stringsKeepTheirText() {
    #expect(strings("f(\"a b\", #\"c\"#, \"\", \"d\\(e)f\")") == ["a b", "c", "", "d", "f"])
  }

  @Test func linesAreCountedThroughCommentsAndStrings() {
    let tokens = SwiftTokenizer.tokens(of: "/*\n*/ a // x\n\"\"\"\n\n\"\"\"\nb")
    #expect(tokens.filter { $0.kind == .word }.map(\.line) == [2, 6])
  }

  @Test func emptyTextHasNoTokens() {
    #expect(SwiftTokenizer.tokens(of: "").isEmpty)
    #expect(SwiftTokenizer.tokens(of: "/* never closed").isEmpty)
  }
}
