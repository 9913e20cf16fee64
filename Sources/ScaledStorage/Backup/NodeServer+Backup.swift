import Candid
import Cluster
import HTTPTransport
import WireProtocol

/// The methods by which a cluster is backed up and restored.
extension NodeServer {
  func beginBackup(_ call: ControlCall, _ pending: PendingExchange) throws(Problem) {
    let args: BackupBegin = try call.argument()
    runtime.backups.begin(args) { result in
      call.note("sets its data aside as \(args.backup.prefix(64))", result)
      pending.answer(call.answer(result))
    }
  }

  func readBackup(_ call: ControlCall, _ pending: PendingExchange) throws(Problem) {
    runtime.backups.read(try call.argument()) { pending.answer(call.answer($0)) }
  }

  func endBackup(_ call: ControlCall, _ pending: PendingExchange) throws(Problem) {
    try runtime.backups.end(call.argument())
    pending.answer(call.answer(.success(())))
  }

  func sumRecords(_ call: ControlCall, _ pending: PendingExchange) throws(Problem) {
    runtime.backups.sum(try call.argument()) { pending.answer(call.answer($0)) }
  }

  func restoreRecords(_ call: ControlCall, _ pending: PendingExchange) throws(Problem) {
    let args: RestoreRecords = try call.argument()
    do throws(ClusterError) {
      let records = try TransferChunk.records(in: args.data)
      let limit = runtime.settings.maximumValueBytes
      if let large = records.lazy.compactMap(\.record.value?.count).first(where: { $0 > limit }) {
        throw ClusterError(
          .malformed,
          "a value has \(large) bytes, and this node takes \(limit); raise its max-value-bytes")
      }
      runtime.node.restore(records, isOwn: args.isOwn) { result in
        pending.answer(call.answer(result.mapError(Problem.init)))
      }
    } catch {
      throw Problem(error)
    }
  }
}
