import ArgumentParser
import Candid
import Foundation
import Testing

@testable import Commands

struct CandidErrorTests {
  private func report(_ body: () throws(CandidFailure) -> Void) throws -> String {
    do throws(CandidFailure) {
      try body()
    } catch {
      return error.report
    }
    throw CommandFailure("nothing failed")
  }

  @Test func `an error in text is shown with its line and a caret`() throws {
    let report = try report { () throws(CandidFailure) in
      _ = try CandidTool(definitions: "type A = nat;\ntype B =\topt C;", types: nil)
    }
    #expect(
      report == """
        defs:2:14: the type C is not defined
         2 | type B = opt C;
           |              ^
        """)
  }

  @Test func `the caret counts characters, and long lines are cut`() throws {
    let tool = try CandidTool(definitions: "", types: "(text, nat8)")
    let text = "(\"" + String(repeating: "é", count: 200) + "\", 256 /* \u{1b} */)"
    let report = try report { () throws(CandidFailure) in _ = try tool.encode(text) }
    let lines = report.split(separator: "\n").map(String.init)
    #expect(lines.first?.hasPrefix("value:1:206: ") == true)
    let (source, caret) = try (line(1, of: lines), line(2, of: lines))
    #expect(source.hasPrefix(" 1 | …éé"))
    #expect(source.hasSuffix("é\", 256 /* ? */)"))
    #expect(source.prefix(caret.count - 1).hasSuffix("\", "))
  }

  private func line(_ index: Int, of lines: [String]) throws -> String {
    try #require(index < lines.count ? lines[index] : nil)
  }

  @Test func `an error in a message is shown below its byte`() throws {
    let tool = try CandidTool(definitions: "", types: "(nat8, nat8)")
    let report = try report { () throws(CandidFailure) in
      _ = try tool.decode(CandidTool.message(hex: " 4449444c00027b7b05\n"))
    }
    let lines = report.split(separator: "\n")
    #expect(lines.first?.hasPrefix("hex, byte 9: ") == true)
    #expect(lines.dropFirst() == ["  | 4449444c00027b7b05", "  |                   ^^"])
  }

  @Test(arguments: [("44x9", 2), ("444", 3), ("44 49", 2), ("é", 0)])
  func `digits that are none are shown`(hex: String, offset: Int) {
    let error = #expect(throws: CandidFailure.self) { try CandidTool.message(hex: hex) }
    #expect(error?.offset == offset)
  }

  @Test func `a method's types are taken from the service`() throws {
    let interface = try CandidInterface(
      parsing: "type T = nat8; service : { get : (T) -> (text) query }")
    let parameters = try CandidTool(interface: interface, method: "get", part: .parameters)
    #expect(try HexDigits.text(parameters.encode("(5)")) == "4449444c00017b05")
    let results = try CandidTool(interface: interface, method: "get", part: .results)
    let message = try CandidTool.message(hex: "4449444c0001710161")
    #expect(try results.decode(message) == [.text("a")])
    #expect(throws: CandidFailure.self) {
      try CandidTool(interface: interface, method: "put", part: .results)
    }
  }

  @Test func `imports are read from beside the file that has them`() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: folder.path + "/inner", withIntermediateDirectories: true)
    func write(_ name: String, _ text: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/" + name))
    }
    try write(
      "main.did", "import \"inner/a.did\"; import \"./b.did\"; service : { m : () -> (A, B) }")
    try write("inner/a.did", "import \"../b.did\"; type A = B;")
    try write("b.did", "type B = nat;")
    let interface = try CandidFiles.interface(folder.path + "/main.did")
    #expect(interface.environment.definitions == ["A": .named("B"), "B": .nat])
    try write("b.did", "type B = C;")
    let report = try report { () throws(CandidFailure) in
      _ = try CandidFiles.interface(folder.path + "/main.did")
    }
    #expect(report.contains("b.did:1:10: the type C is not defined"))
    try write("b.did", "import \"missing.did\"")
    #expect(throws: CandidFailure.self) { try CandidFiles.interface(folder.path + "/main.did") }
    #expect(throws: CandidFailure.self) { try CandidFiles.interface(folder.path + "/none.did") }
  }

  @Test(arguments: [
    ("b.did", "a.did", "b.did"), ("./b.did", "x/a.did", "x/b.did"),
    ("../b.did", "x/a.did", "b.did"),
    ("../b.did", "a.did", "../b.did"), ("../../b.did", "../a.did", "../../../b.did"),
    ("/b.did", "x/a.did", "/b.did"), ("y/../b.did", "/x/./a.did", "/x/b.did"),
  ])
  func `an imported file has one name`(path: String, importer: String, name: String) {
    #expect(CandidFiles.resolved(path, importedBy: importer) == name)
  }

  @Test func `a missing subcommand is wrong usage`() throws {
    let command = try CandidCommand.parse([])
    let error = #expect(throws: (any Error).self) { try command.run() }
    #expect(error.map { RootCommand.exitCode(for: $0).rawValue } == 64)
  }
}
