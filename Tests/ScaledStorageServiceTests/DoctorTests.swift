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

  @Test(
    "What the launcher lacks is found",
    arguments: [
      (["docker", "--docker-image", "i", "--docker-socket", "/no/socket"], "/no/socket"),
      (["docker", "--docker-image", "i", "--docker-socket", "/dev/null"], "is no socket"),
      (["systemd", "--systemctl", "/no/systemctl"], "/no/systemctl"),
      (["kubernetes"], "KUBERNETES_SERVICE_HOST"),
    ])
  func launcher(flags: [String], words: String) throws {
    let folder = try TemporaryFolder()
    let found = try finding("launcher", offline(folder, ["--launcher"] + flags))
    #expect(found.level == .error && found.sentence.contains(words))
  }

  @Test("A launcher that has what it needs is good, and a gateway's own needs nothing")
  func goodLauncher() throws {
    let folder = try TemporaryFolder()
    let flags = ["--launcher", "systemd", "--systemctl", "/bin/sh"]
    #expect(try finding("launcher", offline(folder, flags)).level == .good)
    #expect(try offline(folder).allSatisfy { $0.subject != "launcher" })
  }

  @Test("What keeps the service from starting is found, whatever file it is")
  func unusable() throws {
    let folder = try TemporaryFolder()
    let found = try offline(folder, ["--audit-log", folder.path])
    #expect(try finding("settings", found).level == .error)
    #expect(try finding("settings", found).sentence.contains("which is a directory"))
  }

  @Test("Certificates that cannot be used end nothing but the questions to the cluster")
  func brokenCertificate() throws {
    let folder = try TemporaryFolder()
    let junk = try folder.write("junk", Array("junk".utf8))
    let found = try findings([
      "--data", folder.path + "/data", "--tls-certificate", junk, "--tls-key", junk, "--tls-ca",
      junk, "--url", "https://127.0.0.1:1",
    ])
    #expect(try finding("certificate", found).level == .error)
    #expect(try finding("service", found).level == .warning)
    #expect(try finding("disk", found).level != .error)
  }

  @Test("A service that does not answer is found")
  func silence() throws {
    let folder = try TemporaryFolder()
    let found = try findings(["--data", folder.path, "--url", "http://127.0.0.1:1"])
    #expect(try finding("service", found).level == .error)
  }

  @Test("A file that holds no token is told as such, and not taken for something else")
  func noToken() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: ConfigurationError.self) {
      try findings(["node", "--data", folder.path, "--token-file", folder.path + "/none"])
    }
    #expect(error?.message.hasPrefix("--token-file: ") == true)
  }
}
