import Cluster
import HTTPTransport
import ScaledStorage
import Testing
import WireProtocol

@testable import Gateway

/// What a scrape of the gateway and of a node tells.
@Suite(.timeLimit(.minutes(2)))
struct MetricsTests {
  private func metrics(_ cluster: InProcessCluster, of address: SocketAddress? = nil) throws
    -> Metrics
  {
    let response = try cluster.send(.get, "/metrics", to: address)
    #expect(response.status == 200)
    #expect(response.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
    return Metrics(String(decoding: response.body, as: UTF8.self))
  }

  @Test("One scrape of the gateway shows the cluster")
  func gateway() throws {
    let cluster = try InProcessCluster(forward: .proxy)
    cluster.settle(1)
    #expect(try cluster.send(.put, "/kv/a", [1, 2]).status == 201)
    #expect(try cluster.send(.get, "/kv/a").status == 200)
    #expect(try cluster.send(.get, "/kv/missing").status == 404)
    #expect(try cluster.send(.get, "/made/up/\"name\"").status == 404)
    try cluster.coordinator.addNodes(1, reason: "asked for by hand")
    cluster.settle(2)
    cluster.loop.run(until: "the gateway has counted the key") {
      cluster.coordinator.machine.plan().keys == 1
    }
    let metrics = try metrics(cluster)
    let nodes = cluster.coordinator.map.members.map(\.text)
    for node in nodes {
      #expect(metrics["scaled_storage_cluster_node_up{node=\"\(node)\"}"] == 1)
      #expect(metrics["scaled_storage_cluster_node_ring_agrees{node=\"\(node)\"}"] == 1)
    }
    #expect(metrics.sum("scaled_storage_cluster_node_keys") == 1)
    #expect(metrics["scaled_storage_ring_members"] == 2)
    #expect(
      metrics["scaled_storage_requests_total{method=\"put_value\",status=\"201\"}"] == 1)
    #expect(
      metrics["scaled_storage_requests_total{method=\"get_value\",status=\"404\"}"] == 1)
    #expect(metrics["scaled_storage_requests_total{method=\"other\",status=\"404\"}"] == 1)
    #expect(
      metrics["scaled_storage_request_duration_seconds_count{method=\"get_value\"}"] == 2)
    #expect(metrics.sum("scaled_storage_forwarded_requests_total") == 3)
    #expect(metrics["scaled_storage_change_active"] == 0)
    let labels = "origin=\"operator\",action=\"grow\",outcome=\"done\""
    #expect(metrics["scaled_storage_scaler_decisions_total{\(labels)}"] == 1)
    #expect(metrics["scaled_storage_scaler_maximum_nodes"] == 64)
  }

  @Test("Only members of the ring are told to be up or down, not one that is about to join")
  func membersAlone() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try cluster.coordinator.addNodes(1, reason: "asked for by hand")
    cluster.loop.run(until: "the gateway knows a node that is no member") {
      cluster.coordinator.machine.nodes.count > cluster.coordinator.map.members.count
    }
    let before = cluster.coordinator.map.members
    let told = try metrics(cluster).samples.keys.filter {
      $0.hasPrefix("scaled_storage_cluster_node_up{")
    }
    // The change goes on while the gateway answers.
    let after = cluster.coordinator.map.members
    #expect(told.count == before.count || told.count == after.count)
    #expect(
      before.allSatisfy { told.contains("scaled_storage_cluster_node_up{node=\"\($0.text)\"}") })
  }

  @Test("A node tells of its requests, its data and its ring, each sample with its id")
  func node() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    #expect(try cluster.send(.put, "/kv/a", [1, 2]).status == 201)
    #expect(try cluster.send(.get, "/kv/a").status == 200)
    let node = try #require(cluster.coordinator.map.members.first)
    let address = try SocketAddress(
      try #require(cluster.coordinator.map.addresses[node]))
    let metrics = try metrics(cluster, of: address)
    let label = "node=\"\(node.text)\""
    #expect(metrics["scaled_storage_keys{\(label)}"] == 1)
    #expect(metrics["scaled_storage_serving{\(label)}"] == 1)
    #expect(
      metrics["scaled_storage_requests_total{\(label),method=\"get_value\",status=\"200\"}"] == 1)
    #expect(metrics["scaled_storage_value_cache_hits_total{\(label)}"] == 1)
    #expect(try #require(metrics["scaled_storage_commit_duration_seconds_count{\(label)}"]) >= 1)
    #expect(try #require(metrics["process_resident_memory_bytes{\(label)}"]) > 0)
    #expect(metrics.samples.keys.allSatisfy { $0.contains(label) })
  }

  @Test("Only GET and HEAD read the metrics")
  func methods() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    #expect(try cluster.send(.post, "/metrics").status == 405)
    #expect(try cluster.send(.head, "/metrics").status == 200)
  }

  @Test("Names of requests are bounded, and values of labels escaped")
  func bounds() {
    let kinds = RequestKinds((0..<500).map { "method-\($0)" })
    #expect(kinds.names.count == 128)
    #expect(kinds[name: "method-3"] != 0 && kinds[name: "method-400"] == RequestKinds.other)
    var text = MetricsText(labels: [("a", "1\n\"\\")])
    text.add("x", .gauge, "Help.", 0.00025)
    #expect(text.text.hasSuffix("x{a=\"1\\n\\\"\\\\\"} 0.00025\n"))
    text.add("y", .gauge, "Help.", Double.infinity)
    #expect(text.text.hasSuffix("} +Inf\n"))
  }
}

/// Samples by their names and labels, as they stand in the text.
struct Metrics {
  private(set) var samples: [String: Double] = [:]

  init(_ text: String) {
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " ") else { continue }
      samples[String(line[..<space])] = Double(line[line.index(after: space)...])
    }
  }

  subscript(name: String) -> Double? { samples[name] }

  func sum(_ family: String) -> Double {
    samples.filter { $0.key.hasPrefix("\(family){") }.values.reduce(0, +)
  }
}
