import Testing

/// Each word that tells programs what went wrong is in the description of the HTTP interface.
@Suite struct ErrorCodeTests {
  /// How sources name a code: in a problem, a rejection or a call's error, or as an error's case.
  private static func codes(in file: RepositoryFile) -> [String] {
    var found = file.text.matches(of: /Problem\(\s*[0-9]+,\s*"([a-z_]+)"/).map { String($0.1) }
    found += file.text.matches(of: /\bcode: "([a-z_]+)"/).map { String($0.1) }
    if file.path.hasSuffix("/ClusterError.swift"),
      let codes = file.text.firstMatch(of: /enum Code: String.*?\n  }/.dotMatchesNewlines())
    {
      for match in codes.0.matches(of: /case ([a-zA-Z]+)(?: = "([a-z_]+)")?/) {
        found.append(String(match.2 ?? match.1))
      }
    }
    return found
  }

  @Test func everyErrorCodeIsDocumented() throws {
    let interface = try Repository.file(at: "openapi/scaled-storage.yaml").text
    let documented = Set(
      interface.matches(of: /`([a-z_]+)`|code: ([a-z_]+)/).map { String($0.1 ?? $0.2 ?? "") })
    let targets = ["HTTPTransport", "Cluster", "WireProtocol", "ScaledStorage", "Gateway"]
    let sources = try targets.flatMap { try Repository.sources(under: "Sources/\($0)") }
    let used = Set(sources.flatMap(Self.codes))
    #expect(used.count > 60, "codes are written in a way that this test does not know")
    #expect(used.subtracting(documented).sorted() == [])
  }
}
