import HTTPTransport
import Testing
import WireProtocol

@testable import ScaledStorageService

@Suite("The doctor's comparison of who may do what")
struct AccessChecksTests {
  /// What a program says to who shows nothing, and to who shows something.
  private typealias Verdict = (unknown: CallerReport?, known: CallerReport?)

  private func findings(
    _ gateway: Verdict, _ nodes: [Verdict], hasProof: Bool = true
  ) -> [Finding] {
    let verdicts = [gateway] + nodes
    let checks = AccessChecks(proof: hasProof ? .random() : nil) { address, proof in
      let verdict = verdicts[Int(address.port)]
      return proof == nil ? verdict.unknown : verdict.known
    }
    return checks.findings(
      AccessChecks.Program(name: "the gateway", address: .loopback(port: 0)),
      nodes.indices.map {
        AccessChecks.Program(name: "node \($0 + 1)", address: .loopback(port: UInt16($0 + 1)))
      })
  }

  private func anonymous(_ role: String) -> CallerReport {
    CallerReport(name: "anonymous", role: role)
  }

  private func cluster(_ access: String?) -> CallerReport {
    CallerReport(name: "cluster", role: "cluster", credential: "used", access: access)
  }

  @Test("Those that agree are well, and nodes alone are not compared")
  func agreement() {
    let one = (anonymous("read"), cluster("1"))
    let found = findings(one, [one, one])
    #expect(found.map(\.level) == [.good])
    #expect(findings(one, []).isEmpty)
    // Programs of before tell less.
    #expect(findings(one, [(anonymous("read"), cluster(nil))]).map(\.level) == [.good])
    let silent = findings((anonymous("read"), nil), [one])
    #expect(silent.map(\.sentence) == ["the gateway does not tell whom it takes callers for"])
    let unproven = findings((anonymous("read"), nil), [(anonymous("read"), nil)], hasProof: false)
    #expect(unproven.map(\.level) == [.good])
    #expect(unproven[0].sentence.hasSuffix("without a token"))
  }

  @Test("Who differs is named, and how to mend it")
  func difference() {
    let gateway = (anonymous("none"), cluster("1"))
    let found = findings(
      gateway,
      [
        gateway, (anonymous("write"), cluster("2")), (anonymous("none"), cluster("2")),
        (anonymous("none"), anonymous("none")), (anonymous("none"), nil),
      ])
    #expect(found.map(\.level) == [.error, .error, .error, .warning])
    #expect(
      found.map(\.sentence) == [
        "who shows nothing has the role write at node 2, and none at the gateway",
        "node 3 has another access-file than the gateway",
        "what this shows is anonymous (none) at node 4, and cluster (cluster) at the gateway",
        "node 5 does not tell whom it takes callers for",
      ])
    #expect(found.allSatisfy { $0.subject == "access" && $0.mend != nil })
  }

  @Test("A token tells who has another list, where there is no credential")
  func token() {
    let reader = CallerReport(name: "reports", role: "read")
    let found = findings(
      (anonymous("none"), reader),
      [
        (anonymous("none"), reader),
        (anonymous("none"), CallerReport(name: "reports", role: "admin")),
      ])
    #expect(found.map(\.level) == [.error])
    #expect(
      found[0].sentence
        == "what this shows is reports (admin) at node 2, and reports (read) at the gateway")
  }
}
