@testable import Candid

/// The interface that the first clients were built for; they must still be able to call.
let seedInterface = """
  type NodeError = variant {
      Migration: text;
      ScaleUp: text;
      Initialize: text;
      Broadcast: text;
  };

  type node_info_status = variant {
      Initialized;
      Ready;
      Error:NodeError;
      ShutDown;
      Migrating;
      ScaleUp;
      ScaleDown;
  };

  type node_info = record {
      all_nodes: vec text;
      prev_node_id: opt principal;
      next_node_id: opt principal;
      status: node_info_status;
      cycles_balance: nat64;
  };

  type install_args = record {
      all_nodes: vec text;
  };

  type init_canister_manager_param = record {
      args: opt install_args;
  };

  type migrate_args = record {
      data: blob;
  };

  type wasm_init_args = record {
      position: nat8;
      wasm_chunk: blob;
  };

  type canister_manager_event = variant {
   NodeCreated: text;
   NodeDeleted: text;
   Migrate: migrate_args;
  };

  service: {
  "init_canister_manager":(init_canister_manager_param)-> ();
  "handle_event":(canister_manager_event)->();
  "init_wasm":(wasm_init_args)->(bool);
   "node_info": () -> (node_info) query;
  }
  """

/// A node's status, written as users write their own types.
enum Status: Hashable, CandidVariant {
  case ready
  case failed(Reason)

  enum Reason: Hashable, CandidVariant {
    case migration(String)

    static let candidCases = CandidCases<Reason>(
      .case("Migration", Reason.migration) {
        if case .migration(let text) = $0 { text } else { nil }
      })
  }

  static let candidCases = CandidCases<Status>(
    .case("Ready", .ready),
    .case("Error", Status.failed) { if case .failed(let reason) = $0 { reason } else { nil } })
}

struct Info: Hashable, CandidRecord {
  var allNodes: [String]
  var previous: Principal?
  var status: Status
  var cycles: UInt64
  /// Younger than the first clients.
  var nodeID: Principal?
  var next: Principal?

  static let candidFields = CandidFields(
    Info.init, CandidMember("all_nodes", \.allNodes), CandidMember("prev_node_id", \.previous),
    CandidMember("status", \.status),
    CandidMember("cycles_balance", \.cycles), CandidMember("node_id", \.nodeID),
    CandidMember("next_node_id", \.next))
}
