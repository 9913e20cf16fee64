import ArgumentParser
import Foundation
import Testing

@testable import ScaledStorageService

@Suite("Wrong configurations")
struct WrongConfigurationTests {
  /// A configuration, and what is said of it: the place, the setting, and how to mend it.
  struct Case: Sendable, CustomTestStringConvertible {
    var file = ""
    var environment: [String: String] = [:]
    var arguments: [String] = []
    /// `FILE` stands for the configuration file, `DIR` for the folder that it is in.
    let error: String

    var testDescription: String { error }

    init(_ file: String, _ error: String) {
      self.file = file
      self.error = error
    }

    init(environment: [String: String], _ error: String) {
      self.environment = environment
      self.error = error
    }

    init(_ arguments: [String], _ error: String) {
      self.arguments = arguments
      self.error = error
    }
  }

  static let cases: [Case] = [
    Case("listen", "FILE, line 1: \"listen\" is no setting; write name = value"),
    Case(
      "# growth\nscale-upat = 5",
      "FILE, line 2: there is no setting \"scale-upat\"; did you mean scale-up-at?"),
    Case(
      "data = a\ndata = b",
      "FILE, line 2: the setting data comes a second time, after line 1; remove one of them"),
    Case("data =", "FILE, line 1: data has no value; give it one, or remove the line"),
    Case(
      "listen = 127.0.0.1",
      "FILE, line 1: listen is no address to listen on: '127.0.0.1' has no port between "
        + "0 and 65535; write it as HOST:PORT"),
    Case(
      ["--listen", "0.0.0.0:8080"],
      "--listen: listen is 0.0.0.0:8080, which other machines reach, in plain text; encrypt it "
        + "with tls-certificate, tls-key and tls-ca, listen on a loopback address, or say "
        + "allow-plaintext"),
    Case(
      ["--listen", "0.0.0.0:8080", "--allow-plaintext"],
      "--listen: listen is 0.0.0.0:8080, which other machines reach, and nothing says who may do "
        + "what there; name an access-file, which scaled-storage token add makes, or say what "
        + "those may do who show no token: anonymous = none, read or write"),
    Case(
      environment: ["SCALED_STORAGE_MAX_NODES": "0"],
      "SCALED_STORAGE_MAX_NODES: max-nodes is 0; it can be 1 to 1024"),
    Case(
      ["--min-nodes", "3", "--max-nodes", "2"],
      "--min-nodes: min-nodes is 3; it can be 1 to max-nodes, which is 2"),
    Case(
      "scale-up-at = many",
      "FILE, line 1: scale-up-at is \"many\"; write a whole number from 0 on, as 100"),
    Case(
      environment: ["SCALED_STORAGE_SCALE_DOWN_AT": "1.5"],
      "SCALED_STORAGE_SCALE_DOWN_AT: scale-down-at is \"1.5\"; it can be off, or a number above 0 "
        + "and up to 0.9"),
    Case(
      "durability = maybe",
      "FILE, line 1: durability is \"maybe\"; it can be fsync, os"),
    Case(
      "max-value-bytes = 0", "FILE, line 1: max-value-bytes is 0; it can be 1 to 16777216"),
    Case(
      "cache-bytes = lots",
      "FILE, line 1: cache-bytes is \"lots\"; write a number of bytes, as 65536, 64K, 50M or 2G"),
    Case(
      ["--handover-rate", "1K"],
      "--handover-rate: handover-rate is 1024; it can be 0, without bound, or 16384 and more bytes "
        + "a second, as 16K or 50M"),
    Case(
      "limits = idle-timeout=soon",
      "FILE, line 1: limits has idle-timeout=soon; write idle-timeout= with seconds, as 30 or 0.5"),
    Case(
      "module-limits = memory=1",
      "FILE, line 1: module-limits has memory=1; write memory= with bytes, as 65536 or 64M, 65536 "
        + "to 4294967296"),
    Case(
      "tls-certificate = a.crt",
      "FILE, line 1: tls-certificate is given without tls-key; TLS needs tls-certificate, tls-key "
        + "and tls-ca: the program's certificate, its key, and the authority by which the "
        + "cluster's programs know each other; deploy/dev-ca makes all three for development"),
    Case(
      ["--tls-certificate", "/no/a", "--tls-key", "/no/b", "--tls-ca", "/no/c"],
      "--tls-certificate: tls-certificate cannot be used: the certificate /no/a cannot be read: No "
        + "such file or directory"),
    Case(
      "tls-peer-name = 10.0.0.7",
      "FILE, line 1: tls-peer-name is \"10.0.0.7\"; write a DNS name that the certificates of all "
        + "programs of the cluster are for, as cluster.scaled-storage"),
    Case(
      ["up", "--nodes", "a:1"],
      "--nodes: nodes is given, and `up` starts nodes of its own; run `gateway`, or leave it away"),
    Case(
      "audit-log = DIR", "FILE, line 1: audit-log is DIR, which is a directory; name another"),
    Case(
      "access-file = /no/access",
      "FILE, line 1: access-file is /no/access, which is not there; make it with scaled-storage "
        + "token add NAME --role ROLE --access-file /no/access"),
    Case(
      "anonymous = admin",
      "FILE, line 1: anonymous is \"admin\"; it can be none, read or write"),
    Case(
      "rate-limits = readers=5",
      "FILE, line 1: rate-limits has \"readers=5\", which is no limit; write NAME=VALUE with one "
        + "of read, write, admin, anonymous"),
    Case(
      "nodes = node-{7..0}:8081",
      "FILE, line 1: nodes is \"node-{7..0}:8081\"; it can be a list HOST:PORT,HOST:PORT of at "
        + "most 1024, each once, as node-{0..7}.nodes:8081"),
    Case(
      "min-nodes = 3\nnodes = a:1,b:1",
      "FILE, line 2: nodes names 2, fewer than min-nodes, which is 3; name more, or lower "
        + "min-nodes"),
    Case(
      "trace-sample = 2",
      "FILE, line 1: trace-sample is 2.0; it can be 0, for none, to 1, for all, as 0.01"),
    Case(
      "log-format = xml", "FILE, line 1: log-format is \"xml\"; it can be auto, text, json"),
    Case(
      "data = DIR/settings",
      "FILE, line 1: data is DIR/settings, which is no directory; name another"),
    Case(
      environment: ["SCALED_STORAGE_MAXNODES": "3"],
      "SCALED_STORAGE_MAXNODES: there is no setting \"maxnodes\"; did you mean max-nodes?"),
    Case(
      ["--credential-file", ""],
      "--credential-file: credential-file has no value; give it one, or leave the flag away"),
    Case(
      "limits = max-connections=0",
      "FILE, line 1: limits has max-connections=0; it can be 1 at the least"),
    Case(
      "limits = idle-timeout=5, idle-timeout=6",
      "FILE, line 1: limits has idle-timeout a second time; remove one of them"),
    Case(
      "etcd-ca = /no/ca",
      "FILE, line 1: etcd-ca is given without etcd; name etcd's members as etcd, or leave it away"),
    Case(
      "nodes = 127.0.0.1:{8080..8082}",
      "FILE, line 1: nodes names 127.0.0.1:8080, where this gateway itself answers; leave it out "
        + "of the list"),
    Case(
      "listen = 0.0.0.0:8080\nallow-plaintext = true\nanonymous = read\n"
        + "etcd = 10.0.0.1:2379\nnodes = 10.0.0.2:8081",
      "advertise is not given, and the gateway listens on all addresses: with etcd other gateways "
        + "need one by which they reach it, as 192.0.2.7:8080"),
  ]

  @Test(
    "Each is refused in one line that names the setting, its place and the mend", arguments: cases)
  func refused(_ wrong: Case) throws {
    let folder = try TemporaryFolder()
    let text = wrong.file.replacingOccurrences(of: "DIR", with: folder.path)
    let file = try folder.write("settings", Array(text.utf8))
    var arguments = wrong.arguments
    if !wrong.file.contains("data =") { arguments += ["--data", folder.path + "/data"] }
    let command = try ConfigCheckCommand.parse(arguments + ["--config", file])
    let error = #expect(throws: ConfigurationError.self) {
      try command.report(environment: wrong.environment)
    }
    let expected = wrong.error
      .replacingOccurrences(of: "FILE", with: file)
      .replacingOccurrences(of: "DIR", with: folder.path)
    #expect(error?.message == expected)
    #expect(error?.message.contains("\n") == false)
    // Nothing is made to find that out.
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/data"))
  }

  @Test("Lines may end as other systems end them")
  func lineEnds() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(
      "settings", Array("# first\r\nmax-nodes = 7\r\nmin-nodes = 2\r\n".utf8))
    let report = try ConfigCheckCommand.parse(["--config", file, "--json"]).report(environment: [:])
    #expect(
      report.contains("{\"from\":\"\(file), line 2\",\"name\":\"max-nodes\",\"value\":\"7\"}"))
    #expect(
      report.contains("{\"from\":\"\(file), line 3\",\"name\":\"min-nodes\",\"value\":\"2\"}"))
  }

  @Test("A file that is not there is named")
  func missingFile() throws {
    let command = try ConfigCheckCommand.parse(["--config", "/no/settings"])
    let error = #expect(throws: ConfigurationError.self) { try command.report(environment: [:]) }
    #expect(
      error?.message
        == "the configuration file /no/settings cannot be read: No such file or directory")
  }

  @Test("Variables by which Kubernetes tells of services are no settings")
  func serviceLinks() throws {
    let command = try ConfigCheckCommand.parse([])
    let report = try command.report(environment: [
      "SCALED_STORAGE_SERVICE_HOST": "10.0.0.1", "SCALED_STORAGE_PORT": "tcp://10.0.0.1:80",
      "SCALED_STORAGE_PORT_80_TCP_ADDR": "10.0.0.1", "SCALED_STORAGE_TOKEN": "",
    ])
    #expect(report.contains("listen"))
  }
}

@Suite("The sample of a configuration file")
struct SampleConfigurationTests {
  private var path: String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("deploy/scaled-storage.conf").path
  }

  @Test("It is read as it is, and changes nothing")
  func asItIs() throws {
    let folder = try TemporaryFolder()
    let command = try ConfigCheckCommand.parse(["--config", path, "--data", folder.path, "--json"])
    let plain = try ConfigCheckCommand.parse(["--data", folder.path, "--json"])
    #expect(try command.report(environment: [:]) == plain.report(environment: [:]))
  }

  @Test("It tells of every setting, and of no other")
  func complete() throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let told = text.split(separator: "\n").compactMap { line -> String? in
      let words = line.split(separator: " ")
      return words.count > 3 && words[0] == "#" && words[2] == "=" ? String(words[1]) : nil
    }
    #expect(told.sorted() == Configuration.names.sorted())
  }
}
