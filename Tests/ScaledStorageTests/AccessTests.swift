import Foundation
import Glibc
import HTTPTransport
import Testing
import WireProtocol

@testable import ScaledStorage

struct AccessListTests {
  private static let digest = String(repeating: "0a", count: 32)

  @Test("Blank lines and what follows # do not count; a name may have several lines")
  func reading() throws {
    let other = String(repeating: "0b", count: 32)
    let list = try AccessList(
      """
      # who may do what

      ada   write sha256:\(Self.digest)   # for the loader
      \tada\tread\tsha256:\(other.uppercased())
      grace admin certificate:\(Self.digest)\r
      """)
    #expect(list.entries.map(\.line) == [3, 4, 5])
    #expect(list.entries.map(\.caller.role) == [.write, .read, .admin])
    #expect(list.names == ["ada", "grace"])
    #expect(list.entries[1].digest.hexadecimal == other)
  }

  @Test(
    "A line that is wrong is told of by its number, without what may be a token",
    arguments: [
      ("ada write", 1, "NAME ROLE"), ("\n\nada write sst-secret-secret-secret", 3, "64 hex"),
      ("ada write sha256:00", 1, "64 hex"), ("ada write md5:\(digest)", 1, "64 hex"),
      ("ada owner sha256:\(digest)", 1, "owner"), ("ada cluster sha256:\(digest)", 1, "cluster"),
      ("ada none sha256:\(digest)", 1, "none"), ("anonymous read sha256:\(digest)", 1, "anonymous"),
      ("a/b read sha256:\(digest)", 1, "a/b"), ("ada read write sha256:\(digest)", 1, "NAME ROLE"),
      ("a read sha256:\(digest)\nb write sha256:\(digest)", 2, "line 1"),
      ("a read sha256:\(String(digest.dropLast()))٣", 1, "64 hex"),
    ])
  func mistakes(text: String, line: Int, part: String) {
    let error = #expect(throws: AccessListError.self) { try AccessList(text) }
    #expect(error?.line == line)
    #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("secret") == false)
  }

  @Test("A token is found by all of its digest")
  func tokens() throws {
    let token = Array("sst-0123456789".utf8)
    let digest = SHA256.hexadecimal(SHA256.digest(token))
    let list = try AccessList("ada read sha256:\(digest)")
    #expect(token.withUnsafeBytes { list.caller(token: $0)?.name } == "ada")
    // One whose digest only begins so.
    let other = try AccessList("ada read sha256:\(digest.prefix(63))\(digest.last == "0" ? 1 : 0)")
    #expect(token.withUnsafeBytes { other.caller(token: $0) } == nil)
  }
}

struct CallerTests {
  @Test("Callers are told of in a field that only they fit in")
  func fields() {
    let read = { (text: String) in Array(text.utf8).withUnsafeBytes { Caller(field: $0) } }
    let caller = read(String(decoding: Caller("ada", .write).field, as: UTF8.self))
    #expect(caller?.name == "ada")
    #expect(caller?.role == .write)
    for text in [
      "", "ada", "ada owner", "ada write x", "a,b write", "\u{e9} write", "ada  ", " write",
      String(repeating: "a", count: 65) + " write",
    ] {
      #expect(read(text) == nil, "\(text)")
    }
  }

  @Test("Roles are in an order")
  func order() {
    #expect(Role.allCases.sorted() == Role.allCases)
    #expect(Role.none < .cluster)
  }
}

struct RateLimiterTests {
  private let caller = Caller("ada", .read)

  private func limiter(read: Int = 0, anonymous: Int = 0) -> RateLimiter {
    var limits = RateLimits()
    limits.read = read
    limits.anonymous = anonymous
    return RateLimiter(limits)
  }

  private func time(_ milliseconds: UInt64) -> MonotonicTime {
    MonotonicTime(nanoseconds: milliseconds * 1_000_000)
  }

  @Test("A second's worth may come at once, then so many a second", arguments: [1, 3, 1_000])
  func rate(rate: Int) {
    let limiter = limiter(read: rate)
    func passed(at milliseconds: UInt64) -> Int {
      (0..<2 * rate).count { _ in
        limiter.wait(caller, isAnonymous: false, from: .loopback(), now: time(milliseconds)) == nil
      }
    }
    #expect(passed(at: 10) == rate)
    #expect(passed(at: 1_010) == rate)
    #expect(passed(at: 1_020) == (rate == 1_000 ? 10 : 0))
    #expect(passed(at: 60_000) == rate)
    #expect(
      limiter.wait(caller, isAnonymous: false, from: .loopback(), now: time(60_000)) == 1)
  }

  @Test("Who has no rate is not kept to one")
  func unlimited() {
    let limiter = limiter(anonymous: 1)
    for _ in 0..<100 {
      #expect(
        limiter.wait(caller, isAnonymous: false, from: .loopback(), now: time(1)) == nil)
    }
  }

  @Test("Many addresses take no more than so much memory, and do not push others out")
  func manyAddresses() {
    let limiter = limiter(anonymous: 1)
    let nobody = Caller.anonymous(.read)
    func passes(_ number: UInt32, at now: MonotonicTime) -> Bool {
      limiter.wait(
        nobody, isAnonymous: true, from: SocketAddress(ipv4: number, port: UInt16(number & 7)),
        now: now) == nil
    }
    let passed = (1...20_000).count { passes(UInt32($0), at: time(1)) }
    // One each, and one for the crowd that found no room.
    #expect(passed == RateLimiter.mostNetworks + 1)
    #expect(!passes(1, at: time(1)))
    // Places are looked for once a second only.
    #expect(!passes(20_000, at: time(1_000)))
    #expect(passes(20_000, at: time(2_000)))
  }
}

struct AuditLogTests {
  @Test("Only a file will do: a pipe could hold the program up")
  func pipes() {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("scaled-storage-\(UUID().uuidString).pipe").path
    defer { unlink(path) }
    #expect(mkfifo(path, 0o600) == 0)
    #expect(AuditLog(path: path).check() == "it is no regular file")
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    #expect(AuditLog(path: path).check() == "it is no regular file")
    #expect(AuditLog(path: "/dev/null").check() == "it is no regular file")
  }

  @Test("Lines are JSON, whatever is in them, and refused tries do not fill the disk")
  func lines() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("scaled-storage-\(UUID().uuidString).audit").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let audit = AuditLog(program: "node", path: path)
    #expect(audit.check() == nil)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let odd = "a \"quoted\" \\ line\nwith \u{1}, é, \u{1F600} and \u{2028}"
    audit.note("scale", by: .file, odd)
    for _ in 0..<1_000 {
      audit.noteRefusal("scale", by: .file, Problem(401, "credential_missing", "…"))
    }
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines.count < 500)
    for line in lines {
      let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
      #expect(entry?["program"] == "node")
      #expect(entry?["time"]?.count == 24)
    }
    let first = try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: String]
    #expect(first?["detail"] == odd)
    #expect(AuditLog(path: path + "/below").check() != nil)
  }
}
