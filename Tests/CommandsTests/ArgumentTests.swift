import ArgumentParser
import Foundation
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import Testing
import WireProtocol

@testable import Commands

struct ArgumentTests {
  @Test(arguments: [
    "put greeting hello", "put picture --file picture.png --ttl 3600", "put now -",
    "put greeting hi --if-match 17 --json", "put greeting hi --if-none-match -v",
    "get greeting", "get greeting --json --timeout 0.5", "delete greeting --if-match *",
    "call get_data (\"key\")", "call node_info --accept json", "info --json",
    "ring --url http://127.0.0.1:8080", "scale up --plan --credential-file secret",
    "scale up 2 --wait", "scale down --plan --json", "scale to 4 --wait", "scale cancel",
    "drain 3 --plan", "drain 1 ryjl3-tyaaa-aaaaa-aaaba-cai --wait",
    "upload application.wasm", "load words.txt --concurrency 256 --verify",
    "load words.txt --resume-file state", "stress 100000 --seed 7 --settle 0",
    "bench --connections 4 --streams 64 --duration 10", "bench --requests 10 --read-ratio 0.5",
    "bench --counters 100 --json", "placement batch",
    "bench --requests 1000 --read-ratio 0.5 --value-bytes 100..4000 --no-preload",
    "bench --rate 20000 --arrivals poisson --distribution zipf --warm-up 2 --max-behind 5",
    "bench --url http://127.0.0.1:9000 --target-path /file-{key} --keys 100 --preload",
    "bench --url http://127.0.0.1:8080/kv/{key} --cpu-of gateway=4711 --cpu-of 12",
    "bench --threads 2 --connections 16 --histogram times.hgrm --header ss-forward:proxy",
    "candid encode (1) --types (nat)", "candid decode 4449 --defs types.did", "candid batch",
    "candid subtype nat int", "candid check new.did --previous old.did", "candid hash name",
    "candid encode - --defs service.did --method put", "candid decode - -d a.did -m get --json",
    "candid print service.did", "simulate --seeds 1..1000 --jobs 2 --json",
    "simulate --seeds 42 --without partition --mutation skip-fence --trace",
  ])
  func `what the help shows is understood`(line: String) throws {
    _ = try RootCommand.parseAsRoot(line.split(separator: " ").map(String.init))
  }

  @Test(arguments: [
    "nonsense", "put", "put key", "put key value --file name", "put key value --ttl 0",
    "put key value --ttl soon", "put key value --if-match 1 --if-none-match", "get",
    "get key --timeout 0", "get key --timeout never", "get key --url ftp://127.0.0.1",
    "get key --unknown", "call a/b", "call get_data () --accept xml", "scale down 0",
    "scale to", "scale to 0", "scale up --plan --wait", "scale up many", "drain", "drain 0",
    "drain somebody", "scale sideways", "stress", "stress 0", "stress many",
    "stress 10 --concurrency 0",
    "simulate", "simulate --seeds 2..1", "simulate --seeds 1 --without rain",
    "simulate --seeds 1 --mutation none", "simulate --seeds 1 --clients 0",
    "load", "load file --concurrency 100000", "bench --duration 1 --requests 1",
    "bench --read-ratio 2", "bench --counters 0", "bench --requests 0", "placement row",
    "bench --rate 0", "bench --rate many", "bench --arrivals poisson", "bench --max-behind 5",
    "bench --rate 1 --arrivals sometimes", "bench --zipf-exponent 1", "bench --value-bytes 5..1",
    "bench --distribution zipf --zipf-exponent 0", "bench --threads 2", "bench --warm-up -1",
    "bench --url http://127.0.0.1:1/x/{key} --target-path /y", "bench --target-path file",
    "bench --target-path /{key}/{key}", "bench --target-path /one --preload",
    "bench --connections 257", "bench --cpu-of node", "bench --counters 5 --rate 10",
    "bench --header nothing", "bench --counters 5 --target-path /one", "bench --keys 0",
    "candid decode", "candid subtype nat", "candid encode (1) --method put",
    "candid encode (1) --defs a.did --method put --types (nat)",
  ])
  func `wrong usage ends with status 64`(line: String) throws {
    let error = #expect(throws: (any Error).self) {
      _ = try RootCommand.parseAsRoot(line.split(separator: " ").map(String.init))
    }
    let status = error.map { RootCommand.exitCode(for: $0).rawValue }
    #expect(status == 64)
  }

  @Test func `the uploader takes what the upload command takes`() throws {
    let line = ["module.wasm", "--url", "http://127.0.0.1:1", "--json"]
    let uploader = try #require(try UploaderCommand.parseAsRoot(line) as? UploaderCommand)
    #expect(uploader.upload.module == "module.wasm")
    #expect(try uploader.upload.cluster.endpoint().port == 1)
    #expect(throws: (any Error).self) { try UploaderCommand.parseAsRoot([]) }
  }

  @Test("bench measures a cluster, unless it is told what else, with options of its own")
  func bench() throws {
    func parse(_ line: String) throws -> any ParsableCommand {
      try RootCommand.parseAsRoot(line.split(separator: " ").map(String.init))
    }
    let cluster = try #require(try parse("bench --streams 5 --json") as? ClusterBenchCommand)
    #expect(cluster.shape.streams == 5 && cluster.json)
    #expect(try parse("bench cluster --streams 5") is ClusterBenchCommand)
    let candid = try #require(try parse("bench candid --json --rounds 3") as? CandidBenchCommand)
    #expect(candid.json && candid.rounds == 3)
  }

  @Test func `a key that no node takes is wrong usage`() throws {
    for key in ["", String(repeating: "k", count: 1_025)] {
      let error = #expect(throws: (any Error).self) {
        _ = try RootCommand.parseAsRoot(["get", key])
      }
      #expect(error.map { RootCommand.exitCode(for: $0).rawValue } == 64)
      #expect(error.map { RootCommand.message(for: $0).contains("1024 bytes") } == true)
    }
  }

  @Test func `a failure ends with status 1 and its sentence`() {
    let failure = CommandFailure("the disk is full")
    #expect(RootCommand.exitCode(for: failure).rawValue == 1)
    #expect(RootCommand.message(for: failure) == "the disk is full")
  }

  @Test func `the flag goes before the environment, which goes before the default`() throws {
    let environment = Environment { $0 == "SCALED_STORAGE_URL" ? "http://127.0.0.1:1111" : nil }
    let empty = Environment { _ in nil }
    let plain = try ClusterOptions.parse([])
    let given = try ClusterOptions.parse(["--url", "http://127.0.0.1:2222"])
    #expect(try given.endpoint(environment).port == 2_222)
    #expect(try plain.endpoint(environment).port == 1_111)
    #expect(try plain.endpoint(empty).port == 8_080)
  }

  @Test func `a credential file is read without the space around its text`() throws {
    let folder = try TemporaryFolder()
    let secret = "0123456789abcdef0123456789abcdef"
    let file = try folder.write("credential", Array("  \(secret)\n".utf8))
    let environment = Environment { $0 == "SCALED_STORAGE_CREDENTIAL_FILE" ? file : nil }
    let credential = try CredentialOptions.parse([]).required(
      orToken: ClusterOptions.parse([]), environment)
    #expect(credential?.headerValue == "Bearer \(secret)")
  }

  @Test func `a credential file that is missing or holds something else is told of`() throws {
    let folder = try TemporaryFolder()
    let missing = try CredentialOptions.parse(["--credential-file", folder.path + "/none"])
    #expect(throws: CommandFailure.self) { try missing.credential() }
    let short = try folder.write("short", Array("too short".utf8))
    #expect(throws: CommandFailure.self) {
      try CredentialOptions.parse(["--credential-file", short]).credential()
    }
  }

  @Test(arguments: [("17", "\"17\""), ("\"17\"", "\"17\""), ("*", "*")])
  func `a version is quoted as the header wants it`(text: String, header: String) {
    #expect(EntityTagArgument.header(text) == header)
  }

  @Test func `a put with a condition is not repeated blindly`() throws {
    let plain = try PutCommand.parse(["k", "v", "--ttl", "5"]).request()
    #expect(plain.isRepeatable)
    #expect(plain.target == "/kv/k?ttl=5")
    let conditional = try PutCommand.parse(["a b", "v", "--if-match", "3"]).request()
    #expect(!conditional.isRepeatable)
    #expect(conditional.target == "/kv/a%20b")
    #expect(conditional.headers.contains { $0 == ("if-match", "\"3\"") })
  }
}
