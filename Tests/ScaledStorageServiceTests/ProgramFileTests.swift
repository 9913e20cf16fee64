import Foundation
import Testing

@testable import ScaledStorageService

/// Where a program is found that is to be started again.
struct ProgramFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func make(_ name: String) throws -> String {
    let path = folder.path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    return path
  }

  @Test("A link to the release stays a link, so that turning it is an upgrade")
  func link() throws {
    let release = try make("releases/1/program")
    let current = folder.path + "/current"
    try FileManager.default.createSymbolicLink(
      atPath: current, withDestinationPath: folder.path + "/releases/1")
    #expect(ProgramFile.path(of: current + "/program") == current + "/program")
    #expect(ProgramFile.path(of: "program", folders: "/nowhere:\(current)") == current + "/program")
    #expect(ProgramFile.path(of: release) == release)
  }

  @Test("A relative path holds wherever a node is started from; another name is looked for")
  func names() throws {
    let program = try make("bin/program")
    let here = FileManager.default.currentDirectoryPath.split(separator: "/")
    let relative = here.map { _ in "../" }.joined() + program.dropFirst()
    let found = try #require(ProgramFile.path(of: relative))
    #expect(found.hasPrefix("/") && FileManager.default.isExecutableFile(atPath: found))
    #expect(ProgramFile.path(of: "program", folders: folder.path) == nil)
    #expect(ProgramFile.path(of: "bin", folders: folder.path) == nil, "a folder is none")
    #expect(ProgramFile.path(of: folder.path + "/none") == nil)
    #expect(ProgramFile.path(of: "", folders: folder.path) == nil)
    #expect(FileManager.default.isExecutableFile(atPath: ProgramFile.path))
  }
}
