import HTTPTransport
import WireProtocol

/// Whether the nodes of a cluster know callers by the same rules as its gateway: each enforces its
/// own, and nothing else compares them.
struct AccessChecks {
  /// Who may be asked `whoami`.
  struct Program {
    let name: String
    let address: SocketAddress
  }

  /// What one program says of who asks.
  private struct Verdict {
    let program: Program
    /// Of who shows nothing.
    let unknown: CallerReport?
    /// Of who shows the credential or the token.
    let known: CallerReport?
  }

  /// The cluster's credential, or a token; nil where there is none to show.
  let proof: Credential?
  /// Asks `whoami`, with this proof or without one; nil when the answer tells nothing.
  let ask: (SocketAddress, Credential?) -> CallerReport?

  func findings(_ gateway: Program, _ nodes: [Program]) -> [Finding] {
    guard !nodes.isEmpty else { return [] }
    let first = verdict(gateway)
    guard (proof == nil ? first.unknown : first.known) != nil else { return [silent(gateway)] }
    let findings = nodes.flatMap { compare(verdict($0), with: first) }
    guard findings.isEmpty else { return findings }
    let means = proof == nil ? ", as far as can be told without a token" : ""
    return [.good("access", "\(gateway.name) and its nodes know callers by the same rules\(means)")]
  }

  private func verdict(_ program: Program) -> Verdict {
    Verdict(
      program: program, unknown: ask(program.address, nil),
      known: proof.flatMap { ask(program.address, $0) })
  }

  private func silent(_ program: Program) -> Finding {
    .warning(
      "access", "\(program.name) does not tell whom it takes callers for",
      mend: "run this again; if it stays, it is of an earlier version, or a service answers whoami "
        + "in its place")
  }

  private func compare(_ node: Verdict, with gateway: Verdict) -> [Finding] {
    let (name, other) = (node.program.name, gateway.program.name)
    if let here = node.unknown, let there = gateway.unknown, here.role != there.role {
      return [
        .error(
          "access",
          "who shows nothing has the role \(here.role) at \(name), and \(there.role) at \(other)",
          mend: "give all programs the same anonymous and access-file, and start again those that "
            + "differ")
      ]
    }
    guard let there = gateway.known else { return [] }
    guard let here = node.known else { return [silent(node.program)] }
    guard here.name == there.name, here.role == there.role else {
      return [
        .error(
          "access",
          "what this shows is \(here.name) (\(here.role)) at \(name), and \(there.name) "
            + "(\(there.role)) at \(other)",
          mend: "bring the gateway's credential-file and access-file to the node; both are read "
            + "again within a second")
      ]
    }
    guard here.access == there.access || here.access == nil || there.access == nil else {
      return [
        .error(
          "access", "\(name) has another access-file than \(other)",
          mend: "bring the gateway's access-file to the node; it is read again within a second")
      ]
    }
    return []
  }
}
