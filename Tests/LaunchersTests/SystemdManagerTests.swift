import Candid
import Cluster
import Glibc
import HTTPTransport
import Testing

@testable import Launchers

@Suite("Nodes as units of systemd", .timeLimit(.minutes(1)))
struct SystemdManagerTests {
  /// A folder with a `systemctl` of its own, which runs processes that do nothing and notes them.
  private final class Machine {
    let folder: String
    let loop: EventLoop
    let manager: SystemdManager

    /// Units are files with their process's number; `start` writes the endpoint as a node does.
    private static let script = """
      #!/bin/sh
      cd "${0%/*}" || exit 1
      shift 2
      command=$1; shift
      unit=
      for word; do case $word in --*) ;; *) unit=$word ;; esac; done
      port=${unit#*@}; port=${port%.service}
      case $command in
        show)
          for unit; do
            case $unit in --*) continue ;; esac
            process=$(cat "$unit" 2>/dev/null || echo 0)
            if [ "$process" != 0 ] && kill -0 "$process" 2>/dev/null; then state=active
            else state=inactive; process=0; fi
            printf 'Id=%s\\nActiveState=%s\\nMainPID=%s\\nResult=success\\n\\n' \\
              "$unit" "$state" "$process"
          done ;;
        start)
          [ ! -e refuse ] || { echo 'Access denied' >&2; exit 4; }
          mkdir -p "node-$port"
          sleep 100 >/dev/null 2>&1 &
          echo $! >"$unit"
          printf '1 %d 127.0.0.1:%d\\n' $! "$port" >"node-$port/endpoint" ;;
        stop | kill)
          [ ! -e "$unit" ] || { kill "$(cat "$unit")" 2>/dev/null; rm -f "$unit"; } ;;
      esac
      """

    init() throws {
      var name = Array("/tmp/scaled-storage-test-XXXXXX".utf8CString)
      let made = mkdtemp(&name)
      folder = String(cString: try #require(made))
      loop = try EventLoop()
      let path = folder + "/systemctl"
      let file = try #require(fopen(path, "w"))
      fputs(Machine.script, file)
      fclose(file)
      chmod(path, 0o755)
      manager = SystemdManager(
        SystemdManager.Settings(
          template: "test-node", directory: folder, firstPort: 8_081, systemctl: path,
          environment: ["PATH=/usr/bin:/bin"]), loop: loop)
    }

    func touch(_ name: String) {
      if let file = fopen(folder + "/" + name, "w") { fclose(file) }
    }

    func wait<Value>(
      _ body: (@escaping (Result<Value, ClusterError>) -> Void) -> Void
    ) throws -> Result<Value, ClusterError> {
      var result: Result<Value, ClusterError>?
      body { result = $0 }
      loop.run(until: "an answer") { result != nil }
      return try #require(result)
    }

    func condition(of node: Principal) throws -> ManagedInstance.Condition? {
      try wait { manager.look(at: [.canister(number: 1), .canister(number: 2)], $0) }
        .get()[node]?.condition
    }
  }

  private let node = Principal.canister(number: 2)

  @Test("A unit is started, seen with its address, stopped, and its data removed")
  func life() throws {
    let machine = try Machine()
    #expect(machine.manager.isEmpty)
    #expect(try machine.condition(of: node) == .ended(reason: "its unit is inactive (success)"))
    try machine.wait { machine.manager.start(node, $0) }.get()
    guard case .running(let run, let address) = try machine.condition(of: node) else {
      Issue.record("it does not run")
      return
    }
    #expect(Int32(run) ?? 0 > 1)
    #expect(address == "127.0.0.1:8082")
    #expect(!machine.manager.isEmpty)
    #expect(machine.manager.whereToLook(node) == "journalctl -u test-node@8082.service")
    try machine.wait { machine.manager.remove(node, within: .seconds(1), $0) }.get()
    #expect(try machine.condition(of: node) == .ended(reason: "its unit is inactive (success)"))
    #expect(machine.manager.isEmpty)
    // What is gone already is no failure.
    try machine.wait { machine.manager.remove(node, within: .seconds(1), $0) }.get()
  }

  @Test("Data that cannot be read may be a node's")
  func unreadable() throws {
    let machine = try Machine()
    // A file: superusers read every directory.
    let file = try #require(fopen(machine.folder + "/node-8082", "w"))
    fclose(file)
    #expect(!machine.manager.isEmpty)
  }

  @Test("The address of an earlier process does not count")
  func staleEndpoint() throws {
    let machine = try Machine()
    try machine.wait { machine.manager.start(node, $0) }.get()
    let file = try #require(fopen(machine.folder + "/node-8082/endpoint", "w"))
    fputs("1 1 127.0.0.1:9\n", file)
    fclose(file)
    guard case .running(_, nil) = try machine.condition(of: node) else {
      Issue.record("the address was taken")
      return
    }
    try machine.wait { machine.manager.remove(node, within: .seconds(1), $0) }.get()
  }

  @Test("What systemctl says when it fails is told; so is a program that is not there")
  func refusals() throws {
    let machine = try Machine()
    machine.touch("refuse")
    guard case .failure(let error) = try machine.wait({ machine.manager.start(node, $0) }) else {
      Issue.record("it was started")
      return
    }
    #expect(error.message.hasSuffix("start test-node@8082.service: Access denied"))
    let nowhere = SystemdManager(
      SystemdManager.Settings(
        template: "x", directory: machine.folder, firstPort: 1, systemctl: "/nowhere/systemctl"),
      loop: machine.loop)
    guard case .failure(let missing) = try machine.wait({ nowhere.start(node, $0) }) else {
      Issue.record("it was started")
      return
    }
    #expect(missing.message.contains("/nowhere/systemctl"))
  }

  @Test("A node beyond the last port is refused with a reason")
  func beyond() throws {
    let machine = try Machine()
    let result = try machine.wait {
      machine.manager.start(.canister(number: 60_000), $0)
    }
    guard case .failure(let error) = result else {
      Issue.record("it was started")
      return
    }
    #expect(error.message.contains("65535"))
  }

  @Test(
    "A unit whose program opens its store, reads its files again or begins anew goes on",
    arguments: [
      ("active", true), ("activating", true), ("reloading", true), ("deactivating", false),
      ("failed", false),
    ])
  func activities(activity: String, runs: Bool) {
    var state = UnitState(activity: activity, process: 7, result: "success")
    #expect(state.runs == runs)
    state.process = 0
    #expect(!state.runs)
  }

  @Test("Units are told apart by empty lines, whatever else is said of them")
  func parsing() {
    let output =
      "Id=a\nActiveState=active\nMainPID=7\nResult=success\n\n\nfoo\nId=b\n\n"
      + "Id=c\nActiveState=failed\nResult=exit-code\n"
    #expect(
      UnitState.read(output) == [
        "a": UnitState(activity: "active", process: 7, result: "success"),
        "c": UnitState(activity: "failed", process: 0, result: "exit-code"),
      ])
  }
}
