import Testing

@testable import WireProtocol

struct Representations {
  @Test(arguments: [
    ("application/candid", Representation.candid), ("text/candid; charset=utf-8", .text),
    ("Application/JSON", .json), ("application/x-www-form-urlencoded", .text),
  ])
  func contentTypesTellTheRepresentation(type: String, expected: Representation) throws {
    #expect(try Representation.ofRequest(contentType: type) == expected)
  }

  @Test func anUnknownContentTypeIsRefusedWith415() {
    #expect(throws: Problem.self) { try Representation.ofRequest(contentType: "image/png") }
    #expect(throws: Problem.self) { try Representation.ofRequest(contentType: "") }
  }

  @Test(arguments: [
    ("*/*", Representation.text), ("application/json", .json),
    ("text/html, application/candid;q=0.5, application/json;q=0.4", .candid),
    ("application/json;q=0.2, text/candid", .text),
  ])
  func theBestAcceptedRepresentationIsTaken(accept: String, expected: Representation) throws {
    #expect(try Representation.ofAnswer(accept: accept, fallback: .text) == expected)
  }

  @Test func aWildcardDoesNotBringBackWhatIsRefusedByItsName() throws {
    let accept = "application/json;q=0, */*;q=0.1"
    #expect(try Representation.ofAnswer(accept: accept, fallback: .json) == .text)
    #expect(try Representation.ofAnswer(accept: accept, fallback: .candid) == .candid)
    #expect(throws: Problem.self) {
      try Representation.ofAnswer(accept: "text/candid;q=0, text/*", fallback: .text)
    }
  }

  @Test func nothingAcceptableIsRefusedWith406() throws {
    #expect(throws: Problem.self) {
      try Representation.ofAnswer(accept: "image/png, application/json;q=0", fallback: .json)
    }
    #expect(
      try Representation.ofAnswer(accept: "image/png", fallback: .json, strict: false) == .json)
  }
}

struct CredentialTests {
  @Test func onlyTheSameCredentialMatches() throws {
    let credential = Credential.random()
    let same = try Credential(credential.text)
    func matches(_ header: String) -> Bool {
      Array(header.utf8).withUnsafeBytes { header in
        BearerToken.bytes(in: header).map { same.matches($0) } ?? false
      }
    }
    #expect(matches("Bearer " + credential.text))
    #expect(matches("bearer " + credential.text))
    #expect(matches("BEARER   " + credential.text + " "))
    #expect(!matches(credential.text))
    #expect(!matches("Basic " + credential.text))
    #expect(!matches("Bearer" + credential.text))
    #expect(!matches("Bearer " + Credential.random().text))
    #expect(!matches("Bearer " + credential.text.dropLast()))
    #expect(!matches("Bearer " + credential.text + " x"))
    #expect(!matches("Bearer "))
    #expect(Credential.random().text != credential.text)
  }

  @Test(arguments: ["", "short", "with spaces in between them", String(repeating: "x", count: 257)])
  func textsThatAreNoCredentialAreRefused(text: String) {
    #expect(throws: CredentialError.self) { try Credential(text) }
  }
}
