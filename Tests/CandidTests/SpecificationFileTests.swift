import Foundation
import Testing

@testable import Candid

/// One `assert` of a `.test.did` file of the specification's test suite.
private struct Assertion {
  enum Input {
    case binary([UInt8])
    case text([UInt8])
  }

  var input: Input
  var other: Input?
  var isRefused = false
  var isDifferent = false
  var types: [CandidType] = []
  var name = ""

  init(_ parser: inout TextParser) throws {
    input = try Self.input(&parser)
    if try parser.accept("=") {
      if try parser.accept("=") { other = try Self.input(&parser) } else { isRefused = true }
    } else if try parser.accept(".") {
      try parser.expect("=")
      isDifferent = true
      other = try Self.input(&parser)
    }
    try parser.expect(":")
    types = try parser.tuple()
    if parser.token.kind == .string { name = try parser.string() }
    _ = try parser.accept(";")
  }

  private static func input(_ parser: inout TextParser) throws -> Input {
    let isBinary = try parser.acceptKeyword("blob")
    let bytes = parser.token.bytes
    try #require(parser.token.kind == .string)
    try parser.advance()
    return isBinary ? .binary(bytes) : .text(bytes)
  }

  static func values(_ input: Input, as signature: CandidSignature) throws(CandidError)
    -> [CandidValue]
  {
    switch input {
    case .binary(let bytes): try CandidBinary.decode(bytes, as: signature)
    case .text(let bytes): try CandidText.parseArguments(bytes, as: signature)
    }
  }
}

@Suite("The specification's test files")
struct SpecificationFileTests {
  @Test("every assertion holds", arguments: [("prim.test.did", 168), ("subtypes.test.did", 58)])
  func assertions(_ file: String, count: Int) throws {
    #expect(try check(Vectors.source(file)) == count)
  }

  private static let folder = ProcessInfo.processInfo.environment["CANDID_TEST_FILES"]

  @Test("so do those of the files in the folder CANDID_TEST_FILES", .enabled(if: folder != nil))
  func otherFiles() throws {
    let folder = URL(fileURLWithPath: try #require(Self.folder))
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    for file in files.sorted() where file.hasSuffix(".test.did") {
      let source = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
      #expect(try check(source) > 0, "\(file)")
    }
  }

  /// - Returns: how many assertions there are.
  private func check(_ source: String) throws -> Int {
    // The two operators that are no tokens of the format, spelt as such.
    let source = source.replacing("!:", with: "= :").replacing("!=", with: ". =")
    var parser = try TextParser(Array(source.utf8))
    var environment = CandidTypeEnvironment()
    var assertions: [Assertion] = []
    while parser.token.kind != .end {
      if try parser.acceptKeyword("type") {
        let name = try parser.name()
        try parser.expect("=")
        environment[name] = try parser.type()
        try parser.expect(";")
      } else {
        try #require(try parser.acceptKeyword("assert"))
        assertions.append(try Assertion(&parser))
      }
    }
    for assertion in assertions {
      let signature = try CandidSignature(assertion.types, in: environment)
      let values = try? Assertion.values(assertion.input, as: signature)
      #expect((values == nil) == assertion.isRefused, "\(assertion)")
      guard let values, let other = assertion.other else { continue }
      let same = try values == Assertion.values(other, as: signature)
      #expect(same != assertion.isDifferent, "\(assertion)")
    }
    return assertions.count
  }
}
