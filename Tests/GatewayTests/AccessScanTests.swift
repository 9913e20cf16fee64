import Foundation
import HTTPTransport
import ScaledStorage
import Testing
import WireProtocol

/// Every endpoint of gateway and node, by everybody who may ask: the table is the document.
struct AccessScanTests {
  private enum Server: String, CaseIterable {
    case gateway, node
  }

  /// One line of the table: requests for which the same holds.
  private struct Row {
    let title: String
    let servers: [Server]
    let least: Role
    let requests: [(HTTPMethod, String, String)]

    init(
      _ title: String, at servers: [Server] = Server.allCases, _ least: Role,
      _ requests: [(HTTPMethod, String, String)]
    ) {
      self.title = title
      self.servers = servers
      self.least = least
      self.requests = requests
    }
  }

  private static let key = "/kv/kept"

  private static let rows: [Row] = [
    Row(
      "`/node_info`, `/whoami`, `/service.did`, `/openapi.json`", .none,
      [
        (.get, "/node_info", ""), (.post, "/node_info", ""), (.head, "/node_info", ""),
        (.get, "/whoami", ""), (.post, "/whoami", ""), (.get, "/service.did", ""),
        (.get, "/openapi.json", ""),
      ]),
    Row("`/`, the status page", at: [.gateway], .none, [(.get, "/", ""), (.head, "/", "")]),
    Row("`GET`, `HEAD` `/kv/KEY`", .read, [(.get, key, ""), (.head, key, "")]),
    Row("queries, as `get_data`", .read, [(.post, "/get_data", "(\"kept\")")]),
    Row(
      "`/ring` without placement, `/nodes`, `/module_info`, `/status`, `/status/events`, "
        + "`/locate/KEY`",
      at: [.gateway],
      .read,
      ["ring", "nodes", "module_info", "status", "locate/kept", "status/events"].flatMap {
        [(.get, "/" + $0, ""), (.head, "/" + $0, ""), (.post, "/" + $0, "")]
      }),
    Row("`/metrics`", .read, [(.get, "/metrics", ""), (.head, "/metrics", "")]),
    Row(
      "`/metrics/targets`", at: [.gateway], .read,
      [(.get, "/metrics/targets", ""), (.head, "/metrics/targets", "")]),
    Row(
      "whatever else", .read,
      [
        (.get, "/nothing", ""), (.post, "/nothing", "()"), (.options, "/kv/kept", ""),
        (.other("PATCH"), "/kv/kept", "x"), (.post, "/kv/kept", "x"), (.get, "/kv/", ""),
        (.get, "//kv/kept", ""), (.get, "/KV/kept", ""), (.put, "/get_data", "x"),
      ]),
    Row("`PUT`, `DELETE` `/kv/KEY`", .write, [(.put, key, "other"), (.delete, key, "")]),
    Row(
      "updates, as `update_data`", .write,
      [(.post, "/update_data", "(\"kept\", \"other\")"), (.get, "/update_data", "")]),
    Row(
      "`scale`, `rolling_restart`, `init_wasm`, `module_rollback`", at: [.gateway], .admin,
      ["scale", "rolling_restart", "init_wasm", "module_rollback"].flatMap {
        [(.post, "/" + $0, "no arguments"), (.get, "/" + $0, "")]
      }),
    Row(
      "`cluster_map`", at: [.gateway], .cluster,
      [(.get, "/cluster_map", ""), (.post, "/cluster_map", "")]),
    Row(
      "`handle_event`, `init_wasm`, `init_canister_manager`, `retire_node`, `restart_node`",
      at: [.node], .cluster,
      ["handle_event", "init_wasm", "init_canister_manager", "retire_node", "restart_node"]
        .flatMap { [(.post, "/" + $0, "no arguments"), (.get, "/" + $0, "")] }),
    Row(
      "`backup_begin`, `backup_read`, `backup_end`, `backup_sum`, `restore_records`", at: [.node],
      .cluster,
      ["backup_begin", "backup_read", "backup_end", "backup_sum", "restore_records"].flatMap {
        [(.post, "/" + $0, "no arguments"), (.get, "/" + $0, "")]
      }),
  ]

  /// The table as the README has it.
  private static func table(_ cells: (Row, RestrictedCluster.Asker) throws -> String) rethrows
    -> String
  {
    var table = "| what | at | no credential | `read` | `write` | `admin` | cluster |\n"
    table += "|---|---|---|---|---|---|---|\n"
    for row in rows {
      let place = row.servers.count == 2 ? "both" : row.servers[0].rawValue
      let cells = try RestrictedCluster.Asker.allCases.map { try cells(row, $0) }
      table += "| \(row.title) | \(place) | \(cells.joined(separator: " | ")) |\n"
    }
    return table
  }

  @Test("Every endpoint lets pass whom it should, by token", .timeLimit(.minutes(2)))
  func byToken() throws {
    let table = try scan(try RestrictedCluster())
    let readme = try String(
      contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("README.md"), encoding: .utf8)
    #expect(readme.contains(table), "the README's table is to be\n\(table)")
  }

  @Test("Every endpoint lets pass whom it should, by client certificate", .timeLimit(.minutes(2)))
  func byCertificate() throws {
    _ = try scan(try RestrictedCluster(byCertificate: true))
  }

  @Test("A gateway that fetches answers lets pass the same callers", .timeLimit(.minutes(2)))
  func byProxy() throws {
    _ = try scan(try RestrictedCluster(forward: .proxy))
  }

  /// Sends every request as everybody, and expects what each row says.
  private func scan(_ restricted: RestrictedCluster) throws -> String {
    try AccessScanTests.table { row, asker in
      let isAllowed = asker.role >= row.least
      for server in row.servers {
        let address = server == .gateway ? restricted.gateway : restricted.node
        for (method, target, body) in row.requests {
          // The answer to who may see it does not end.
          if isAllowed, target == "/status/events" { continue }
          try put(restricted)
          let headers = [(name: "content-type", value: "text/candid")]
          let answer = try restricted.send(method, target, body, as: asker, headers, to: address)
          let what = "\(method) \(target) of \(server) as \(asker): \(answer.status)"
          if isAllowed {
            #expect(![401, 403, 429].contains(answer.status), "\(what)")
          } else {
            #expect(answer.status == (asker == .nobody ? 401 : 403), "\(what)")
            let code = asker == .nobody ? "credential_missing" : "role_too_low"
            #expect(answer.header("ss-error") == code, "\(what)")
            if asker == .nobody {
              #expect(answer.header("www-authenticate") == "Bearer", "\(what)")
            }
            #expect(try value(restricted) == "here", "\(what)")
          }
        }
      }
      return isAllowed ? "yes" : asker == .nobody ? "401" : "403"
    }
  }

  private func put(_ restricted: RestrictedCluster) throws {
    guard try value(restricted) != "here" else { return }
    let put = try restricted.send(
      .put, AccessScanTests.key, "here", as: .cluster, to: restricted.node)
    #expect([200, 201].contains(put.status))
  }

  private func value(_ restricted: RestrictedCluster) throws -> String {
    try restricted.send(.get, AccessScanTests.key, as: .cluster, to: restricted.node).text
  }
}
