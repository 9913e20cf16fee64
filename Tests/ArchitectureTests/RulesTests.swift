import Testing

/// The rules, applied to made-up files: each bites where it should, and nowhere else.
@Suite struct RulesTests {
  private let rules = LayerRules.house

  // MARK: Layers

  @Test(arguments: [
    ("import Foo", "Foo"), ("public import Foo", "Foo"), ("internal import Foo", "Foo"),
    ("package import Foo", "Foo"), ("private import Foo", "Foo"), ("fileprivate import Foo", "Foo"),
    ("@testable import Foo", "Foo"), ("@testable\nimport Foo", "Foo"),
    ("@_spi(Some) public import Foo", "Foo"), ("public @preconcurrency import Foo", "Foo"),
    ("import struct Foo.Bar", "Foo"), ("import func Foo.bar", "Foo"), ("import Foo.Bar", "Foo"),
    ("  import   Foo", "Foo"), ("import `Foo`", "Foo"), ("import /* why */ Foo // so", "Foo"),
    ("let a = 1; import Foo", "Foo"), ("#if canImport(Bar)\nimport Foo\n#endif", "Foo"),
  ])
  func everySpellingOfAnImportIsSeen(text: String, module: String) {
    #expect(imports(in: text).map(\.module) == [module])
  }

  @Test(arguments: [
    "// import Foo", "/* import Foo */", "let a = \"import Foo\"", "a.import", "f(import: a)",
    "func f(import a: Int) {}", "func f(_ a: Int, import b: Int) {}", "let importFoo = important",
  ])
  func whatOnlyLooksLikeAnImportIsNot(text: String) {
    #expect(imports(in: text).isEmpty)
  }

  @Test(arguments: [
    ("Candid", "Placement"), ("Candid", "Storage"), ("Placement", "Candid"),
    ("Storage", "RocksDBStorage"), ("Storage", "CRocksDB"), ("Storage", "Foundation"),
    ("Storage", "Logging"), ("RocksDBStorage", "Candid"), ("HTTPTransport", "Storage"),
    ("HTTPTransport", "Logging"), ("HTTPTransport", "CRocksDB"), ("Cluster", "HTTPTransport"),
    ("Cluster", "Foundation"), ("ScaledStorage", "RocksDBStorage"), ("ScaledStorage", "Gateway"),
    ("ScaledStorage", "CNghttp2"), ("Gateway", "RocksDBStorage"), ("Gateway", "ArgumentParser"),
    ("Gateway", "Histogram"), ("Gateway", "FoundationEssentials"), ("Commands", "CLinux"),
    ("Commands", "NIOCore"), ("scaled-storage", "Gateway"), ("scaled-storage", "ArgumentParser"),
    ("Cluster", "SomethingNew"),
  ])
  func forbiddenImportIsReportedWithItsLine(target: String, module: String) throws {
    let text = "// A file.\nimport Glibc\ninternal import \(module)\n"
    let found = rules.violations(in: [("Sources/\(target)/Folder/File.swift", text)])
    try #require(found.count == 1)
    #expect(
      found[0].description
        == "Sources/\(target)/Folder/File.swift:3: \(target) must not import \(module)")
  }

  @Test(arguments: LayerRules.house.allowed.keys.sorted())
  func allowedImportsPass(target: String) {
    let modules = (rules.allowed[target] ?? []).union(["Glibc", "Synchronization"])
    let text = modules.map { "import \($0)\n" }.joined()
    #expect(rules.violations(in: [("Sources/\(target)/File.swift", text)]).isEmpty)
  }

  @Test func theLayersHaveNoCycle() {
    var remaining = rules.allowed
    while let next = remaining.first(where: { $0.value.isDisjoint(with: remaining.keys) }) {
      remaining[next.key] = nil
    }
    #expect(remaining.isEmpty)
  }

  @Test func unknownTargetIsReported() {
    #expect(rules.violations(in: [("Sources/Extra/File.swift", "")]).count == 1)
  }

  @Test func filesOutsideTheTargetsAreNotJudged() {
    #expect(rules.violations(in: [("Tests/CandidTests/A.swift", "import Storage")]).isEmpty)
    #expect(rules.violations(in: [("Sources/Candid/a.h", "import Storage")]).isEmpty)
  }

  @Test func systemModuleWithTwoImportersIsReported() {
    let file = "internal import CRocksDB"
    let one = [("Sources/A/1.swift", file), ("Sources/A/2.swift", file)] as [RepositoryFile]
    #expect(rules.sharedSystemModules(in: one).isEmpty)
    let two = rules.sharedSystemModules(in: one + [("Sources/B/1.swift", file)])
    #expect(two.map(\.description) == ["Sources/CRocksDB: imported by several targets: A, B"])
  }

  @Test(arguments: ["CLinux", "CNghttp2", "CHTTPParser", "COpenSSL", "CRocksDB"])
  func theTableItselfGivesASystemModuleOneImporter(module: String) {
    #expect(rules.systemModules.contains(module))
    #expect(rules.allowed.values.filter { $0.contains(module) }.count == 1)
  }

  // MARK: Style

  @Test(arguments: [
    "let a = try! f()", "let b = a as! Int", "fatalError()", "fatalError (\"x\")",
    "preconditionFailure(\"x\")", "print(\"\\(a as! Int)\")", "// TODO: later", "/* FIXME */",
    "let a = \"TODO\"",
  ])
  func defectIsReported(line: String) {
    let found = StyleRules.defects(in: [("Sources/A/B.swift", "let x = 1\n\(line)\n")])
    #expect(found.map(\.line) == [2])
  }

  @Test(arguments: [
    "let a = try? f()", "let b = a as? Int", "// never try! or fatalError()", "\"as! try!\"",
    "let b = try !f()", "let fatalErrors = 1", "precondition(a > b)", "let entry = !a",
  ])
  func harmlessCodeIsNoDefect(line: String) {
    #expect(StyleRules.defects(in: [("Sources/A/B.swift", line)]).isEmpty)
  }

  @Test func unfinishedWorkIsReportedInHeadersToo() {
    #expect(StyleRules.defects(in: [("Sources/CA/shim.h", "// TODO")]).count == 1)
  }

  @Test(arguments: [(500, 0), (501, 1)])
  func longFileIsReported(lines: Int, expected: Int) {
    let text = String(repeating: "a\n", count: lines)
    #expect(StyleRules.sizes(in: [("Sources/A/B.swift", text)]).count == expected)
    #expect(StyleRules.sizes(in: [("Sources/A/B.swift", text + "b")]).count == 1)
  }

  @Test(arguments: [(100, [Int]()), (101, [2])])
  func longLineIsReported(columns: Int, expected: [Int]) {
    let text = "a\n" + String(repeating: "é", count: columns) + "\n"
    #expect(StyleRules.sizes(in: [("Tests/A/B.swift", text)]).map(\.line) == expected)
  }

  @Test(arguments: [
    "struct Storage {}", "public final class Storage {}", "enum A { actor Storage {} }",
    "typealias Storage = Int", "protocol `Storage` {}",
  ])
  func typeNamedAsItsModuleIsReported(text: String) {
    #expect(StyleRules.typesNamedAsModule(in: [("Sources/Storage/A.swift", text)]).count == 1)
    #expect(StyleRules.typesNamedAsModule(in: [("Sources/Placement/A.swift", text)]).isEmpty)
  }

  @Test(arguments: [
    "struct StorageError {}", "extension Storage {}", "let Storage = 1", "// struct Storage",
    "import struct Storage.A",
  ])
  func otherUsesOfTheModuleNamePass(text: String) {
    #expect(StyleRules.typesNamedAsModule(in: [("Sources/Storage/A.swift", text)]).isEmpty)
  }

  @Test func moduleNameOfATargetWithAHyphenIsKnown() {
    let file = ("Sources/scaled-storage/A.swift", "enum scaled_storage {}")
    #expect(StyleRules.typesNamedAsModule(in: [file]).count == 1)
  }

  // MARK: Repository

  @Test func topLevelMayHoldDotFilesOnly() {
    let names = RepositoryRules.topLevel.union([".gitignore", ".ci"])
    #expect(RepositoryRules.topLevelViolations(names: names).isEmpty)
  }

  @Test(arguments: ["scripts", "Makefile", "docs", "Package.resolved"])
  func strangerAtTheTopIsReported(name: String) {
    let found = RepositoryRules.topLevelViolations(names: RepositoryRules.topLevel.union([name]))
    #expect(found.map(\.path) == [name])
  }

  @Test(arguments: RepositoryRules.topLevel.sorted())
  func absenceAtTheTopIsReported(name: String) {
    let names = RepositoryRules.topLevel.subtracting([name])
    #expect(RepositoryRules.topLevelViolations(names: names).map(\.path) == [name])
  }

  @Test(arguments: [
    "https://packages.example.org/swift-log", "http://github.com/apple/swift-log",
    "https://github.com.example.org/a", "git@github.com:apple/swift-log.git", "ssh://github.com/a",
    "file:///srv/swift-log", "/srv/swift-log", "~/swift-log", "../swift-log", "Sources/../../a",
  ])
  func manifestThatNeedsThisMachineIsReported(text: String) {
    let manifest = "// /srv is fine here\nlet a = \"\(text)\"\n"
    let found = RepositoryRules.manifestViolations(in: ("Package.swift", manifest))
    #expect(found.map(\.line) == [2])
  }

  @Test(arguments: ["https://github.com/apple/swift-log", "Tests/ATests", "1.6.0", "", "Vectors"])
  func portableManifestPasses(text: String) {
    let found = RepositoryRules.manifestViolations(in: ("Package.swift", "let a = \"\(text)\""))
    #expect(found.isEmpty)
  }
}
