import ArgumentParser
import Foundation
import ScaledStorage
import Testing
import WireProtocol

@testable import ScaledStorageService

struct ServiceSettingsTests {
  private func settings(_ arguments: [String]) throws -> ServiceSettings {
    let configuration = try Configuration(file: nil, environment: [:])
    var settings = try ServiceSettings(
      try ServiceOptions.parse(arguments), configuration, listen: "127.0.0.1:0")
    try settings.makeDirectory()
    return settings
  }

  @Test func `a credential is made once and found again`() throws {
    let folder = try TemporaryFolder()
    let settings = try settings(["--data", folder.path + "/data"])
    let first = try settings.credentials()
    #expect(try settings.credentials().used.headerValue == first.used.headerValue)
    let attributes = try FileManager.default.attributesOfItem(
      atPath: folder.path + "/data/credential")
    #expect(attributes[.posixPermissions] as? Int == 0o600)
  }

  @Test func `a credential that is there but cannot be read is not replaced`() throws {
    let folder = try TemporaryFolder()
    let directory = folder.path + "/secret"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: false)
    let settings = try settings(["--data", folder.path, "--credential-file", directory])
    #expect(throws: ServiceFailure.self) { try settings.credentials() }
    let damaged = try folder.write("damaged", [0xff, 0xfe, 0x00, 0x41])
    let other = try self.settings(["--data", folder.path, "--credential-file", damaged])
    #expect(throws: ConfigurationError.self) { try other.credentials() }
    #expect(FileManager.default.contents(atPath: damaged) == Data([0xff, 0xfe, 0x00, 0x41]))
  }

  @Test("Programs that start at once make one credential")
  func credentialRace() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/data"
    let found = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let configuration = try Configuration(file: nil, environment: [:])
          let settings = try ServiceSettings(
            try ServiceOptions.parse(["--data", path]), configuration, listen: "127.0.0.1:0")
          return try settings.credentials().all.map(\.headerValue).joined()
        }
      }
      return try await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(found.count == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["credential"])
  }

  @Test("Two nodes never run on one data directory")
  func oneNode() throws {
    let folder = try TemporaryFolder()
    try RetiredData(directory: folder.path).lock()
    let error = #expect(throws: ServiceFailure.self) {
      try RetiredData(directory: folder.path).lock()
    }
    #expect(error?.message.contains("another node runs on") == true)
  }

  @Test("What a node that has left had is removed, by it or by the next that starts")
  func retiredData() throws {
    let folder = try TemporaryFolder()
    let data = RetiredData(directory: folder.path)
    try FileManager.default.createDirectory(
      atPath: folder.path + "/store", withIntermediateDirectories: false)
    #expect(!data.isMarked)
    try data.setMark()
    try data.setMark()
    #expect(data.isMarked)
    try data.remove()
    #expect(!data.isMarked)
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/store"))
    try data.remove()
  }

  @Test func `data below a file is refused in a sentence`() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("file", [])
    let error = #expect(throws: ServiceFailure.self) {
      try settings(["--data", file + "/data"])
    }
    #expect(error?.message == "the directory \(file)/data cannot be made: Not a directory")
  }

  @Test(arguments: ["nowhere", "127.0.0.1", "127.0.0.1:99999"])
  func `an address that is none is wrong usage`(address: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try settings(["--listen", address])
    }
    #expect(error?.message.contains("'\(address)'") == true)
  }

  @Test(arguments: [
    ["--scale-up-at", "0"], ["--max-nodes", "0"], ["--max-nodes", "1025"],
    ["--min-nodes", "3", "--max-nodes", "2"], ["--scale-up-at-bytes", "0"],
    ["--scale-down-at", "0"], ["--scale-down-at", "1"], ["--scale-down-at", "never"],
    ["--scale-up-at-utilisation", "1.5"], ["--scale-up-at-rps=-1"],
    ["--scale-up-at-latency", "0"],
    ["--scale-down-after=-1"], ["--scale-up-after", "nan"], ["--scale-down-after", "1e9"],
  ])
  func `bounds that make no sense are wrong usage`(arguments: [String]) throws {
    let configuration = try Configuration(file: nil, environment: [:])
    let options = try ScalingOptions.parse(arguments)
    #expect(throws: ConfigurationError.self) {
      try ScalingSettings(options, configuration)
    }
  }

  @Test(arguments: [
    ("0", 0), ("65536", 65_536), ("64K", 65_536), ("50M", 52_428_800), ("2g", 2_147_483_648),
  ])
  func `a rate is given in bytes or in units of them`(text: String, count: UInt64) throws {
    let folder = try TemporaryFolder()
    let settings = try settings(["--data", folder.path, "--handover-rate", text])
    #expect(settings.handoverRate.count == count)
  }

  @Test(arguments: ["", "K", "1.5M", "-1", "5X", "9999999999999G", "٣"])
  func `what is no number of bytes is refused`(text: String) {
    #expect(ByteCount(text) == nil)
  }

  @Test("The cache may be as large as memory is, and there may be none")
  func cacheBytes() throws {
    let folder = try TemporaryFolder()
    #expect(try settings(["--data", folder.path]).cacheBytes.count == 64 << 20)
    #expect(try settings(["--data", folder.path, "--cache-bytes", "0"]).cacheBytes.count == 0)
    #expect(throws: ConfigurationError.self) {
      try settings(["--data", folder.path, "--cache-bytes", "17G"])
    }
  }

  @Test func `a rate at which nothing would move is refused`() throws {
    let folder = try TemporaryFolder()
    #expect(throws: ConfigurationError.self) {
      try settings(["--data", folder.path, "--handover-rate", "1K"])
    }
  }

  @Test func `a setting that comes twice in the file is refused`() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("settings", Array("data = a\n# data\ndata = b\n".utf8))
    let error = #expect(throws: ConfigurationError.self) {
      try Configuration(file: file, environment: [:])
    }
    #expect(
      error?.message
        == "\(file), line 3: the setting data comes a second time, after line 1; "
        + "remove one of them")
  }
}
