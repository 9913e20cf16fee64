import Candid
import Cluster
import Foundation
import Gateway
import HTTPTransport
import ScaledStorage
import WireProtocol

/// Whether the programs of a running cluster are well and agree. Nothing is changed.
struct ClusterChecks {
  let settings: ServiceSettings
  let endpoint: HTTPEndpoint
  private let loop: EventLoop
  private let client: HTTPClient
  private let credential: Credential?
  /// What tells who asks, where the credential cannot be read.
  private let token: Credential?

  private static let deadline = Duration.seconds(5)
  /// Seconds by which clocks may differ: the field `date` has whole ones (RFC 9110 section 6.6.1).
  private static let clockTolerance = 2.0

  /// - Throws: `ConfigurationError` or `TransportError` when no connection can be made at all.
  init(_ settings: ServiceSettings, _ endpoint: HTTPEndpoint, token: Credential? = nil) throws {
    self.settings = settings
    self.endpoint = endpoint
    loop = try EventLoop()
    client = HTTPClient(loop: loop, tls: try settings.tls?.context())
    credential = try? CredentialFile(path: settings.credentialFile).credentials()?.first
    self.token = token
  }

  func findings() -> [Finding] {
    defer { client.shutdown() }
    let gateway: SocketAddress
    let answer: ClientResponse
    do {
      gateway = try endpoint.resolve()
      answer = try ask("/node_info", gateway)
    } catch {
      return [
        .error(
          "service",
          "\(endpoint) does not answer: \((error as? TransportError)?.message ?? "\(error)")",
          mend: "start it, or name where it answers by --url")
      ]
    }
    var findings = [clock(of: "\(endpoint)", answer)].compactMap { $0 }
    guard let info = NodeInfo.read(candid: answer.body) else {
      return [
        .error(
          "service", "\(endpoint) answers, and is no ScaledStorage of this version",
          mend: "name a gateway or a node by --url")
      ]
    }
    findings.append(
      info.status.isServing
        ? .good("service", "\(endpoint) serves, version \(info.version)")
        : .error(
          "service", "\(endpoint) does not serve: \(info.status.told)",
          mend: "look at its log, and at `scaled-storage info`"))
    findings += nodes(gateway)
    return findings
  }

  private func ask(_ target: String, _ address: SocketAddress) throws -> ClientResponse {
    try ask(target, address, showing: credential ?? token)
  }

  private func ask(
    _ target: String, _ address: SocketAddress, showing proof: Credential?
  ) throws -> ClientResponse {
    var headers = [(name: "accept", value: "application/candid")]
    if let proof { headers.append(("authorization", proof.headerValue)) }
    return try client.sendAndWait(
      ClientRequest(method: .get, target: target, headers: headers, body: []), to: address,
      deadline: ClusterChecks.deadline)
  }

  // MARK: - The nodes

  private func nodes(_ gateway: SocketAddress) -> [Finding] {
    guard let answer = try? ask("/nodes", gateway) else { return [] }
    guard answer.status == 200,
      let entries = try? CandidArguments.decode(answer.body, as: [NodeEntry].self)
    else {
      // A node by itself has no list of nodes.
      guard answer.status != 404 else { return [] }
      return [
        .warning(
          "nodes", "\(endpoint) does not tell of its nodes (\(answer.status))",
          mend: answer.status == 403
            ? "put the cluster's credential into \(settings.credentialFile): it holds another"
            : "run this as who may read \(settings.credentialFile), or with a token")
      ]
    }
    var findings: [Finding] = []
    var infos: [(name: String, info: NodeInfo)] = []
    var reached: [AccessChecks.Program] = []
    for entry in entries {
      let name = "\(entry.id.text) at \(entry.address ?? "no address")"
      guard let text = entry.address, let address = try? SocketAddress(text),
        let own = try? ask("/node_info", address), let info = NodeInfo.read(candid: own.body)
      else {
        findings.append(
          .error(
            "nodes", "\(name) is \(entry.state) and does not answer here",
            mend: "look at its log; a firewall between this machine and it looks the same"))
        continue
      }
      findings += [clock(of: name, own)].compactMap { $0 }
      if !info.status.isServing {
        findings.append(
          .error(
            "nodes", "\(name) does not serve: \(info.status.told)", mend: "look at its log"))
      }
      infos.append((name, info))
      reached.append(AccessChecks.Program(name: name, address: address))
    }
    if findings.isEmpty { findings.append(.good("nodes", "all \(entries.count) serve")) }
    return findings + agreement(infos) + access(gateway, reached)
  }

  private func access(
    _ gateway: SocketAddress, _ nodes: [AccessChecks.Program]
  ) -> [Finding] {
    let checks = AccessChecks(proof: credential ?? token) { address, proof in
      guard let answer = try? ask("/whoami", address, showing: proof), answer.status == 200 else {
        return nil
      }
      return try? CandidArguments.decode(answer.body, as: CallerReport.self)
    }
    return checks.findings(
      AccessChecks.Program(name: "\(endpoint)", address: gateway), nodes)
  }

  /// What all nodes have to have in common.
  private func agreement(_ infos: [(name: String, info: NodeInfo)]) -> [Finding] {
    guard infos.count > 1 else { return [] }
    // While the ring changes, nodes may be an epoch apart; at one epoch they have one ring.
    var digests: [UInt64: Set<String>] = [:]
    for (_, info) in infos { digests[info.epoch, default: []].insert(info.ringDigest) }
    var findings: [Finding] = []
    if let (epoch, _) = digests.first(where: { $0.value.count > 1 }) {
      findings.append(
        .error(
          "ring", "nodes have different rings at epoch \(epoch)",
          mend: "stop writing, keep all data directories, and compare them: one was put back from "
            + "another cluster or time"))
    } else if digests.count > 1 {
      let epochs = digests.keys.sorted().map(String.init).joined(separator: ", ")
      findings.append(
        .warning(
          "ring", "nodes are at the epochs \(epochs)",
          mend: "run this again in a moment; if it stays, look at the gateway's log"))
    } else {
      findings.append(.good("ring", "all nodes have the ring of epoch \(infos[0].info.epoch)"))
    }
    findings.append(
      same(
        "modules", infos.map { $0.info.moduleSHA256?.prefix(12).description ?? "none" },
        mend: "`scaled-storage module list` tells which node has which; upload it again"))
    findings.append(
      same("versions", infos.map(\.info.version), mend: "finish the upgrade, one node at a time"))
    findings.append(
      same(
        "durability", infos.map(\.info.durability),
        mend: "give all nodes the same settings, and start again those that differ"))
    return findings
  }

  private func same(_ subject: String, _ values: [String], mend: String) -> Finding {
    let different = Set(values).sorted()
    guard different.count > 1 else {
      return .good(subject, "all nodes have the same: \(different.first ?? "none")")
    }
    return .error(
      subject, "nodes differ: \(different.joined(separator: ", "))", mend: mend)
  }

  /// A finding when the clock of who answered is not that of this machine.
  private func clock(of name: String, _ answer: ClientResponse) -> Finding? {
    guard let text = answer.header("date"), let time = ClusterChecks.seconds(text) else {
      return nil
    }
    let difference = abs(Date().timeIntervalSince1970 - time)
    guard difference > ClusterChecks.clockTolerance else { return nil }
    return .warning(
      "clock", "the clock of \(name) and this machine's are \(Int(difference)) s apart",
      mend: "keep both in step by NTP: ttl goes by the clock")
  }

  /// A date as HTTP writes it (RFC 9110 section 5.6.7).
  private static func seconds(_ text: String) -> Double? {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(secondsFromGMT: 0)
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return format.date(from: text)?.timeIntervalSince1970
  }
}
