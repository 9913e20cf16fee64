import ArgumentParser
import Foundation
import Testing

@testable import ScaledStorageService

@Suite("The doctor")
struct DoctorTests {
  private func findings(_ arguments: [String]) throws -> [Finding] {
    try DoctorCommand.parse(arguments).examine(environment: [:])
  }

  private func offline(_ folder: TemporaryFolder, _ arguments: [String] = []) throws -> [Finding] {
    try findings(["--offline", "--data", folder.path + "/data"] + arguments)
  }

  private func finding(_ subject: String, _ findings: [Finding]) throws -> Finding {
    try #require(findings.first { $0.subject == subject })
  }

  @Test("Settings that are wrong are the first finding")
  func wrongSettings() throws {
    let found = try findings(["--max-nodes", "0"])
    #expect(found.map(\.subject) == ["settings"])
    #expect(found[0].level == .error && found[0].sentence.hasPrefix("--max-nodes: max-nodes is 0"))
  }

  @Test("Every finding that is not good says how to mend it")
  func mends() throws {
    let folder = try TemporaryFolder()
    let found = try offline(folder)
    #expect(found.count >= 5)
    for finding in found { #expect((finding.mend == nil) == (finding.level == .good)) }
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/data"))
  }

  @Test("Data and secrets that others may read are found, and well once mended")
  func modes() throws {
    let folder = try TemporaryFolder()
    let data = folder.path + "/data"
    let credential = data + "/credential"
    try FileManager.default.createDirectory(
      atPath: data, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
    try Data("0123456789abcdef0123\n".utf8).write(to: URL(fileURLWithPath: credential))
    chmod(credential, 0o644)
    var found = try offline(folder)
    #expect(try finding("data", found).mend == "chmod 700 \(data)")
    #expect(try finding("credential", found).level == .error)
    #expect(try finding("credential", found).mend == "chmod 640 \(credential)")
    chmod(data, 0o700)
    chmod(credential, 0o600)
    found = try offline(folder)
    #expect(try finding("data", found).level == .good)
    #expect(try finding("credential", found).level == .good)
  }

  @Test("A rotation that was not finished is found")
  func rotation() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "credential", Array("0123456789abcdef0123\nfedcba98765432100123\n".utf8))
    chmod(path, 0o600)
    let found = try offline(folder, ["--credential-file", path])
    #expect(try finding("credential", found).sentence.contains("a rotation is under way"))
  }

  @Test("A service that does not answer is found")
  func silence() throws {
    let folder = try TemporaryFolder()
    let found = try findings(["--data", folder.path, "--url", "http://127.0.0.1:1"])
    #expect(try finding("service", found).level == .error)
  }
}
