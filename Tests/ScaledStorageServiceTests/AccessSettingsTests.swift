import ArgumentParser
import Foundation
import ScaledStorage
import Testing
import WireProtocol

@testable import ScaledStorageService

struct AccessSettingsTests {
  private func settings(_ arguments: [String]) throws -> AccessSettings {
    let configuration = try Configuration(file: nil, environment: [:])
    return try AccessSettings(try AccessOptions.parse(arguments), configuration)
  }

  @Test("Everybody may write until there is an access file, or something else is said")
  func usual() throws {
    #expect(try settings([]).anonymous == .write)
    #expect(try !settings([]).isGiven)
    #expect(try settings(["--access-file", "a"]).anonymous == .none)
    #expect(try settings(["--access-file", "a", "--anonymous", "read"]).anonymous == .read)
    #expect(try settings(["--anonymous", "none"]).isGiven)
  }

  @Test(
    "What makes no sense is told of with its name",
    arguments: [
      (["--anonymous", "admin"], "none, read or write"), (["--anonymous", "all"], "anonymous is"),
      (["--rate-limits", "read=0"], "read=0"), (["--rate-limits", "read"], "is no limit"),
      (["--rate-limits", "cluster=1"], "one of read, write, admin, anonymous"),
      (["--rate-limits", "read=-5"], "a number"),
      (["--rate-limits", "read=99999999999999999999"], "a number"),
    ])
  func mistakes(arguments: [String], part: String) {
    let error = #expect(throws: ConfigurationError.self) { try settings(arguments) }
    #expect(error?.message.hasPrefix(arguments[0]) == true, "\(error?.message ?? "")")
    #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
  }

  @Test("Rates are taken by role")
  func rates() throws {
    let limits = try settings(["--rate-limits", "read=1000, anonymous=50"]).limits
    #expect(limits.read == 1_000)
    #expect(limits.anonymous == 50)
    #expect(limits.write == 0)
  }

  @Test("Nodes that are launched get the same, and what is usual is not said")
  func launched() throws {
    #expect(try settings([]).arguments { "/x/" + $0 }.isEmpty)
    let given = ["--anonymous", "read", "--access-file", "a", "--rate-limits", "read=1"]
    #expect(
      try settings(given + ["--audit-log", "b"]).arguments { "/x/" + $0 } == [
        "--anonymous", "read", "--access-file", "/x/a", "--rate-limits", "read=1",
        "--audit-log", "/x/b",
      ])
  }
}

struct SecretFileTests {
  @Test("A credential's file may hold several lines, and nothing else")
  func lines() throws {
    let (one, two) = (Credential.random(), Credential.random())
    let read = try Credentials.read("\(one.text)\r\n\n  \(two.text)  \n")
    #expect(read.count == 2)
    #expect(read[0].isSame(as: one))
    #expect(read[1].isSame(as: two))
    for text in ["", "\n", "short", "\(one.text) \(two.text)", "\(one.text)\nshort"] {
      let error = #expect(throws: CredentialError.self) { try Credentials.read(text) }
      #expect(error?.message.contains(one.text) == false)
    }
    let many = (0...Credentials.most).map { _ in Credential.random().text }
    #expect(throws: CredentialError.self) { try Credentials.read(many.joined(separator: "\n")) }
    #expect("\(one)" == "a credential")
    #expect(String(reflecting: one) == "a credential")
  }

  @Test("A secret is replaced as a whole, for no more readers than before")
  func replacing() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/secret"
    func mode() throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    try SecretFile.replace(path, with: "one")
    #expect(try mode() == 0o600)
    for (before, after) in [(0o640, 0o640), (0o666, 0o640), (0o400, 0o400)] {
      try FileManager.default.setAttributes([.posixPermissions: before], ofItemAtPath: path)
      try SecretFile.replace(path, with: "two")
      #expect(try mode() == after)
      #expect(try SecretFile.text(at: path, limit: 3) == "two")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["secret"])
    #expect(throws: ServiceFailure.self) { try SecretFile.text(at: path, limit: 2) }
    #expect(throws: ServiceFailure.self) { try SecretFile.make(path, "three") }
    #expect(try SecretFile.text(at: folder.path + "/none", limit: 2) == nil)
  }

  @Test("What a link leads to is replaced, and the link stays")
  func links() throws {
    let folder = try TemporaryFolder()
    let (path, link) = (folder.path + "/secret", folder.path + "/link")
    try SecretFile.make(path, "one")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    try SecretFile.replace(link, with: "two")
    #expect(try SecretFile.text(at: path, limit: 9) == "two")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == path)
  }
}
