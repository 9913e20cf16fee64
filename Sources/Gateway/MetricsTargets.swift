import Cluster
import HTTPTransport
import ScaledStorage
import WireProtocol

extension GatewayServer {
  /// `metrics/targets`: where the nodes' metrics are to be had, for Prometheus' http_sd_config.
  func metricsTargets(_ exchange: Exchange) throws(Problem) -> Disposition {
    guard exchange.method == .get || exchange.method == .head else {
      throw .methodNotAllowed(allow: "GET, HEAD", "read the targets by GET")
    }
    exchange.setHeader("cache-control", static: "no-store")
    Answer(status: 200, .json, body: MetricsTargets.json(coordinator, exchange.isSecure))
      .write(to: exchange)
    return .done
  }
}

/// The nodes as Prometheus discovers them: a list of groups, each with targets and their labels.
enum MetricsTargets {
  /// Labels that begin with `__` go once targets are relabelled: none can come between a node's
  /// own, such as `node`. `__scheme__` saves a configuration that says what the gateway knows.
  static func json(_ coordinator: Coordinator, _ isSecure: Bool) -> [UInt8] {
    var json = JSONText()
    let known = coordinator.map.addresses
    let targets = ClusterSummary.nodes(of: coordinator).compactMap { entry in
      // That of the ring holds as long as its launcher has not told of a node: one that is not
      // looked at for a while would have its alarms begin anew.
      (entry.address ?? known[entry.id]).map { (entry: entry, address: $0) }
    }
    json.array(targets) { json, target in
      let entry = target.entry
      json.object { json in
        json.name("targets")
        json.array([target.address]) { $0.text($1) }
        json.name("labels")
        json.object { json in
          json.field("__scheme__", isSecure ? "https" : "http")
          json.field("__meta_scaled_storage_node", entry.id.text)
          json.field("__meta_scaled_storage_state", entry.state)
        }
      }
    }
    json.raw("\n")
    return json.bytes
  }
}
