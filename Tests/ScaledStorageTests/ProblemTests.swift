import Cluster
import Testing
import WireProtocol

@testable import ScaledStorage

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
