import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import Storage
import Synchronization
import Testing

/// The code of the Rust library's README, line by line, and what stands for it here.
@Suite("What users of the Rust library wrote, in Swift")
struct RustCounterpartTests {
  /// A type of one's own, the README's TYPE.
  typealias DataType = String

  @Test("Each line has its counterpart, which works")
  func counterparts() throws {
    let heartbeats = Atomic(0)

    // static mut CANISTER_MANAGER: Option<CanisterManager<TYPE>> = None;
    // #[init] fn init() { unsafe {
    //   CANISTER_MANAGER = Some(CanisterManager::new(ic::id(), |size| size > 50)); } }
    var app = CanisterManager<DataType>(
      id: .canister(number: 1), shouldScaleUp: { size in size > 50 })

    // #[update] fn init_wasm(param: WasmInitArgs) -> bool { … lifecycle_init_wasm(param) }
    // #[update] async fn handle_event(event: CanisterManagerEvent) { … }
    // #[update] async fn init_canister_manager(param: InitCanisterManagerParam) { … }
    // #[query] fn node_info() -> NodeInfo { … }
    //
    // Every node has these methods: there is nothing to write.

    // #[heartbeat] async fn heartbeat() { … lifecyle_heartbeat_node().await; }
    //
    // The cluster needs none; a service may have its own.
    app.heartbeat(every: .milliseconds(1)) { context in
      heartbeats.wrappingAdd(1, ordering: .relaxed)
    }

    app.update("update_data") { (context, key: String, value: DataType) in
      // let canister_manager = &mut CANISTER_MANAGER.as_mut().unwrap().canister;
      //
      // The context reaches the values.

      // let result = canister_manager.with_upsert_data_mut(key, |data| {
      //     *data = value;
      //     data.clone()
      // });
      let result = try await context.withUpsertData(key, default: "") { data in
        data = value
        return data
      }

      // match result {
      switch result {
      // NodeResult::NodeId(node_id) => {
      case .nodeID(let node):
        // CanisterManager::forward_request(node_id, "method_name", args)
        return try await context.forwardRequest(
          to: node, method: "update_data", arguments: key, value, as: DataType.self)
      // NodeResult::Result(result) => {
      case .result(let result):
        return result
      }
    }

    // The same in one turn of the node. A call whose key lives elsewhere does not come here.
    app.update("update_data_at_once") { (context, key: String, value: DataType) in
      try context.withUpsertData(key, default: "") { data in
        data = value
        return data
      }
    }

    // canister_manager.with_data_mut(|data| data.get(&key))
    app.query("get_data") { (context, key: String) in
      try context.withData(key) { data in data }
    }

    let node = try ServiceNode(app)
    #expect(try node.call("update_data", #"("key", "value")"#) == (200, #"("value")"#))
    #expect(try node.call("get_data", #"("key")"#) == (200, #"(opt "value")"#))
    #expect(try node.call("update_data_at_once", #"("key", "other")"#) == (200, #"("other")"#))
    #expect(try node.call("get_data", #"("key")"#) == (200, #"(opt "other")"#))
    #expect(try node.call("node_info", "()").status == 200)
    // Those that change the cluster are for those who know its credential.
    for method in ["init_wasm", "handle_event", "init_canister_manager"] {
      #expect(try node.send(.post, "/" + method).status == 401)
    }
    while heartbeats.load(ordering: .relaxed) == 0 { _ = try node.send(.get, "/node_info") }
  }
}
