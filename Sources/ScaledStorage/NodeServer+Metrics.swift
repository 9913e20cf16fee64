import Candid
import Cluster
import HTTPTransport
import WireProtocol

extension NodeServer {
  /// `metrics`: figures of the node in Prometheus' text format (version 0.0.4).
  func metrics(_ exchange: Exchange) throws(Problem) -> Disposition {
    guard exchange.method == .get || exchange.method == .head else {
      throw .methodNotAllowed(allow: "GET, HEAD", "read the metrics by GET")
    }
    var text = MetricsText()
    let info = runtime.nodeInfo
    text.add("scaled_storage_keys", .gauge, "Live keys.", info.size)
    text.add("scaled_storage_bytes", .gauge, "Bytes of live keys and values.", info.bytes)
    text.add("scaled_storage_ring_epoch", .gauge, "The epoch of the ring.", info.epoch)
    text.add(
      "scaled_storage_fuel_budget_remaining", .gauge,
      "Fuel that calls of the module may still use now.", info.cyclesBalance)
    let uses = runtime.modules.meter.methodUses
    text.add("scaled_storage_module_calls_total", .counter, "Calls of methods.", uses) { $0.calls }
    text.add(
      "scaled_storage_module_failures_total", .counter,
      "Calls of methods that failed; those that the method rejected do not count.", uses
    ) { $0.failures }
    text.add("scaled_storage_module_fuel_total", .counter, "Fuel used by methods.", uses) {
      $0.fuel
    }
    var answer = Answer(
      status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
      body: Array(text.text.utf8))
    stamp(&answer)
    answer.write(to: exchange)
    return .done
  }
}

/// Prometheus' text exposition format.
private struct MetricsText {
  enum Kind: String {
    case gauge, counter
  }

  private(set) var text = ""

  private mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: UInt64) {
    begin(name, kind, help)
    text += "\(name) \(value)\n"
  }

  /// One sample for each method. Names of methods have no character that would have to be escaped
  /// but these two.
  mutating func add(
    _ name: String, _ kind: Kind, _ help: String, _ uses: [(name: String, use: MethodMeter.Use)],
    _ value: (MethodMeter.Use) -> UInt64
  ) {
    guard !uses.isEmpty else { return }
    begin(name, kind, help)
    for use in uses {
      var label = ""
      for character in use.name {
        if character == "\\" || character == "\"" { label += "\\" }
        label.append(character)
      }
      text += "\(name){method=\"\(label)\"} \(value(use.use))\n"
    }
  }
}
