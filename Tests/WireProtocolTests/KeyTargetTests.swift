import Cluster
import Testing

@testable import WireProtocol

struct KeyTargets {
  @Test(arguments: [
    ("greeting", "greeting"), ("a%20b", "a b"), ("%E2%98%83", "☃"), ("a/b/c", "a/b/c"),
    ("%00", "\0"),
  ])
  func percentEncodedKeysAreDecoded(path: String, key: String) throws {
    let target = try KeyTarget(path: Array(path.utf8), query: [UInt8]())
    #expect(target.key == Array(key.utf8))
    #expect(target.ttl == nil)
  }

  @Test(arguments: ["", "%", "%4", "%zz", "%ff", "%C3%28", String(repeating: "k", count: 1_025)])
  func keysThatAreNoneAreRefused(path: String) {
    #expect(throws: Problem.self) {
      try KeyTarget(path: Array(path.utf8), query: [UInt8]())
    }
  }

  @Test func theLongestKeyIsTaken() throws {
    let path = [UInt8](repeating: 0x6b, count: KeyTarget.maximumKeyBytes)
    #expect(try KeyTarget(path: path, query: [UInt8]()).key.count == 1_024)
  }

  @Test(arguments: [("ttl=5", 5), ("x=1&ttl=3155760000", 3_155_760_000)])
  func ttlIsReadFromTheQuery(query: String, seconds: Int) throws {
    let target = try KeyTarget(path: Array("k".utf8), query: Array(query.utf8))
    #expect(target.ttl == .seconds(seconds))
  }

  @Test(arguments: ["ttl", "ttl=", "ttl=0", "ttl=-1", "ttl=1.5", "ttl=99999999999999999999"])
  func ttlsThatAreNoneAreRefused(query: String) {
    #expect(throws: Problem.self) {
      try KeyTarget(path: Array("k".utf8), query: Array(query.utf8))
    }
  }

  @Test(arguments: ["greeting", "a b", "☃", "100%", "a/b?c#d"])
  func pathsReadBackAsTheirKeys(key: String) throws {
    let path = KeyTarget.path(of: Array(key.utf8))
    let target = try KeyTarget(path: Array(path.utf8.dropFirst(4)), query: [UInt8]())
    #expect(target.key == Array(key.utf8))
  }

  @Test func entityTagsAreVersionsInQuotes() {
    #expect(EntityTag.version("\"42\"")?.rawValue == 42)
    for text in ["", "42", "\"\"", "\"x\"", "W/\"42\"", "\"1\", \"2\""] {
      #expect(EntityTag.version(text) == nil)
    }
  }
}
