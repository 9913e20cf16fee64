import Cluster
import Testing

@testable import ScaledStorage

struct EntityTags {
  @Test(arguments: ["\"17\"", " \"1\" , \"17\"", "W/\"17\"", "\"x\",W/\"17\"", "*", " * "])
  func anIfNoneMatchThatNamesTheTagIsFound(header: String) {
    #expect(EntityTag.list(header, has: "\"17\""))
  }

  @Test(arguments: ["\"1\"", "17", "\"171\"", "", "\"1\", W/\"7\"", "\"*\""])
  func anIfNoneMatchOfOthersIsNone(header: String) {
    #expect(!EntityTag.list(header, has: "\"17\""))
  }

  @Test func aVersionIsWrittenInDigitsOnly() {
    #expect(EntityTag.version(" \"17\" ") == Version(17))
    for text in ["\"+17\"", "\"-1\"", "\"\"", "17", "W/\"17\"", "\"0x11\""] {
      #expect(EntityTag.version(text) == nil)
    }
  }
}

struct Problems {
  @Test func theMethodsThatAPathHasAreNamed() {
    let answer = Answer(.methodNotAllowed(allow: "GET, PUT", "use another"))
    #expect(answer.status == 405)
    #expect(answer.headers.contains { "\($0.name)" == "allow" && $0.value == "GET, PUT" })
  }

  @Test func aMissingCredentialNamesTheScheme() {
    let answer = Answer(Problem(401, "credential_missing", "send it"))
    #expect(answer.headers.contains { "\($0.name)" == "www-authenticate" && $0.value == "Bearer" })
  }

  @Test func aFullDiskIsToldWithoutTheNamesOfFiles() {
    let problem = Problem(ClusterError(.noSpace, "no space: /var/lib/store/000009.sst"))
    #expect(problem.status == 507)
    #expect(problem.isRetryable)
    #expect(!problem.detail.contains("/"))
  }
}
