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

/// A node's status, written by hand as users write their own types.
enum Status: Hashable, CandidConvertible {
  case ready
  case failed(String)

  static let candidType = CandidType.variant(cases: [
    "Ready": .null, "Error": .variant(cases: ["Migration": .text]),
  ])

  var candidValue: CandidValue {
    switch self {
    case .ready: .variant("Ready")
    case .failed(let reason): .variant("Error", .variant("Migration", .text(reason)))
    }
  }

  init(candidValue: CandidValue) throws(CandidError) {
    let chosen = try CandidVariant(candidValue)
    switch chosen.tag {
    case "Ready": self = .ready
    case "Error":
      self = .failed(try CandidVariant(chosen.value).payload())
    default: throw chosen.unknownCase
    }
  }
}

struct Info: Hashable, CandidConvertible {
  var allNodes: [String]
  var previous: Principal?
  var status: Status
  var cycles: UInt64
  /// Younger than the first clients.
  var nodeID: Principal?

  static let candidType = CandidType.record(fields: [
    "all_nodes": .vec(.text), "prev_node_id": .opt(.principal),
    "next_node_id": .opt(.principal), "status": Status.candidType, "cycles_balance": .nat64,
    "node_id": .opt(.principal),
  ])

  var candidValue: CandidValue {
    .record(fields: [
      "all_nodes": allNodes.candidValue, "prev_node_id": previous.candidValue,
      "status": status.candidValue, "cycles_balance": cycles.candidValue,
      "node_id": nodeID.candidValue,
    ])
  }
}

extension Info {
  init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    allNodes = try record.field("all_nodes")
    previous = try record.field("prev_node_id")
    status = try record.field("status")
    cycles = try record.field("cycles_balance")
    nodeID = try record.field("node_id")
  }
}
