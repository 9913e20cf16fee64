import Foundation
import ScaledStorageService
import Testing

/// The code of the article is compiled here, and its tests run here.
@Suite("The page Getting started")
struct ArticleTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

  /// The Swift code of the article, a text for each block.
  private static func blocks() throws -> [String] {
    let article = folder.appendingPathComponent(
      "../../Sources/ScaledStorage/ScaledStorage.docc/GettingStarted.md")
    let parts = try String(contentsOf: article, encoding: .utf8).components(separatedBy: "```")
    return parts.filter { $0.hasPrefix("swift\n") }.map { String($0.dropFirst("swift\n".count)) }
  }

  private static func file(_ name: String) throws -> String {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
  }

  @Test("Its code is what this test compiles")
  func code() throws {
    let blocks = try ArticleTests.blocks()
    try #require(blocks.count == 4)
    #expect(blocks[1] == (try ArticleTests.file("Service.swift")))
    // In the article the service is a module of its own.
    let imported = blocks[3].replacingOccurrences(of: "@testable import scoreboard\n\n", with: "")
    #expect(imported == (try ArticleTests.file("ScoreboardTests.swift")))
    // Never called, but compiled.
    func main() { scoreboard().run() }
    #expect(blocks[2] == "import ScaledStorageService\n\nscoreboard().run()\n")
  }

  @Test("It names the products of the package")
  func products() throws {
    let manifest = try String(
      contentsOf: ArticleTests.folder.appendingPathComponent("../../Package.swift"),
      encoding: .utf8)
    let block = try #require(try ArticleTests.blocks().first)
    for line in block.split(separator: "\n") {
      guard let name = line.firstMatch(of: /product\(name: "([A-Za-z]+)"/)?.output.1 else {
        continue
      }
      #expect(manifest.contains(".library(name: \"\(name)\""))
    }
  }
}
