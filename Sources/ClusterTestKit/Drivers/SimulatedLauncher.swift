import Candid
import Cluster

/// The machines that nodes run on: their disks, the processes, and whoever watches these.
///
/// As with the real one, nodes outlive the coordinator, and a launch finds what runs already.
final class SimulatedLauncher {
  enum Event {
    case running(address: String)
    case stopped
  }

  private final class Slot {
    var disk = SimulatedDisk()
    var process: SimulatedNode?
    /// Tells the start under way from those that were given up.
    var starts = 0
    /// How often somebody began to watch.
    var launches = 0
    var isStarting = false
    var addressCount = 0
    var watcher: ((Event) -> Void)?
    var lastTold: UInt64 = 0
  }

  /// Nodes that do not start, whoever asks for it.
  var keptDown: Set<Principal> = []
  /// Processes that have started.
  private var boots: UInt64 = 0

  private unowned let site: SimulatedSite
  private let simulator: Simulator
  private var slots: [Principal: Slot] = [:]
  private var sorted: [SimulatedNode]?
  private var byAddress: [String: SimulatedNode] = [:]

  init(site: SimulatedSite) {
    self.site = site
    simulator = site.simulator
  }

  /// The nodes that run, in the order of their ids.
  var running: [SimulatedNode] {
    if let sorted { return sorted }
    let found = slots.sorted { $0.key < $1.key }.compactMap { $0.value.process }
    sorted = found
    return found
  }

  func process(at address: String) -> SimulatedNode? { byAddress[address] }

  func launch(_ node: Principal, previousAddress: String?, _ report: @escaping (Event) -> Void) {
    let slot = slots[node] ?? Slot()
    slots[node] = slot
    slot.watcher = report
    slot.launches += 1
    if let process = slot.process {
      return tell(slot, .running(address: process.address))
    }
    guard !slot.isStarting else { return }
    slot.isStarting = true
    slot.starts += 1
    let start = slot.starts
    simulator.after(1_000 + simulator.below(100_000, .launches)) { [self] in
      guard slots[node] === slot, slot.isStarting, slot.starts == start else { return }
      slot.isStarting = false
      if keptDown.contains(node) || simulator.strikes(.launchFailed) { return tell(slot, .stopped) }
      // The address of before may be taken by then.
      var address = previousAddress ?? ""
      if address.isEmpty || byAddress[address] != nil || simulator.chance(0.5, .launches) {
        slot.addressCount += 1
        address = "\(node.canisterNumber ?? 0):\(slot.addressCount)"
      }
      boot(node, slot, address: address)
      tell(slot, .running(address: address))
    }
  }

  private func boot(_ node: Principal, _ slot: Slot, address: String) {
    slot.disk.reopen()
    site.mutation?.restart(on: slot.disk)
    boots += 1
    do throws(ClusterError) {
      let process = try SimulatedNode(
        id: node, address: address, disk: slot.disk,
        clock: .random(simulator, number: boots), site: site)
      process.incarnation = boots
      slot.process = process
      byAddress[address] = process
      sorted = nil
      simulator.note("\(node.text) starts at \(address)")
      site.observer?.checkServing(process)
    } catch {
      simulator.violated("\(node.text) cannot start on its disk: \(error.message)")
    }
  }

  /// kill -9 of a node's process. Now and then it is back before anyone has noticed.
  func kill(_ node: SimulatedNode) {
    guard let slot = slots[node.id], slot.process === node else { return }
    end(slot)
    guard simulator.chance(0.2, .launches), !keptDown.contains(node.id) else {
      return tell(slot, .stopped)
    }
    slot.isStarting = true
    slot.starts += 1
    let start = slot.starts
    let launches = slot.launches
    simulator.after(500 + simulator.below(20_000, .launches)) { [self] in
      guard slots[node.id] === slot, slot.isStarting, slot.starts == start else { return }
      slot.isStarting = false
      guard !keptDown.contains(node.id) else { return tell(slot, .stopped) }
      boot(node.id, slot, address: node.address)
      if slot.launches != launches { tell(slot, .running(address: node.address)) }
    }
  }

  func destroy(_ node: Principal) {
    guard let slot = slots[node] else { return }
    slot.watcher = nil
    guard let process = slot.process, let observer = site.observer else {
      return remove(node, slot)
    }
    observer.willEnd(process) { [weak self] in self?.remove(node, slot) }
  }

  private func remove(_ node: Principal, _ slot: Slot) {
    guard slots[node] === slot else { return }
    slots[node] = nil
    sorted = nil
    end(slot)
    site.observer?.forget(node)
  }

  func repairDisks() {
    for slot in slots.values { slot.disk.repair() }
  }

  /// The coordinator is gone, and with it whoever watched.
  func forgetWatchers() {
    for slot in slots.values { slot.watcher = nil }
  }

  private func end(_ slot: Slot) {
    slot.isStarting = false
    guard let process = slot.process else { return }
    slot.process = nil
    sorted = nil
    simulator.note("\(process.id.text) ends")
    byAddress[process.address] = nil
    process.kill()
    site.observer?.stopped(process)
  }

  /// Reports in order.
  private func tell(_ slot: Slot, _ event: Event) {
    let watcher = slot.watcher
    if case .stopped = event { slot.watcher = nil }
    slot.lastTold = max(slot.lastTold, simulator.time + 100 + simulator.below(5_000, .launches))
    simulator.after(slot.lastTold - simulator.time) { watcher?(event) }
  }
}
