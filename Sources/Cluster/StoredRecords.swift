package import Candid
package import Storage

/// What a node's store holds, for who reads it without being the node.
package enum StoredRecords {
  package struct Page {
    package var records: [(key: [UInt8], record: Record)] = []
    /// Nil after the last.
    package var next: [UInt8]?
  }

  /// A page of the users' records, tombstones and expired ones included. `from` is empty, or what
  /// the page before told as its next.
  /// - Throws: `ClusterError`, `.corruption` for records that cannot be read.
  package static func page(
    of store: any StorageReader, from: [UInt8], limit: ScanLimit = ScanLimit()
  ) throws(ClusterError) -> Page {
    let range = StoreLayout.dataRange
    // Nothing of another kind is to be read, whoever says where to begin.
    let start = from.lexicographicallyPrecedes(range.from) ? range.from : from
    let entries: ScanPage
    do throws(StorageError) {
      entries = try store.scan(from: start, upTo: range.upTo, limit: limit)
    } catch {
      throw failure(error)
    }
    var page = Page(next: entries.next)
    page.records.reserveCapacity(entries.entries.count)
    for entry in entries.entries {
      page.records.append((StoreLayout.userKey(entry.key), try Record(encoded: entry.value)))
    }
    return page
  }

  /// What tells whose store it is, and whether it holds just what its node owned.
  package struct Identity {
    package var node: Principal
    package var map: ClusterMap
    /// Live keys and their bytes, as the node counted them.
    package var statistics: NodeMachine.Statistics
    /// A handover was under way, or what had moved away was still there.
    package var isUnsettled: Bool
  }

  /// - Throws: `ClusterError`, `.corruption` when it is no store of a node.
  package static func identity(of store: any StorageReader) throws(ClusterError) -> Identity {
    guard let id = try value(StoreLayout.identity, store), let node = try? Principal(id),
      let map = try value(StoreLayout.map, store)
    else { throw ClusterError(.corruption, "the store is of no node") }
    let handover = try value(StoreLayout.handover, store)
    let purge = try value(StoreLayout.purge, store)
    var statistics = NodeMachine.Statistics()
    if let bytes = try value(StoreLayout.statistics, store) {
      statistics = try NodeMachine.Statistics(encoded: bytes)
    }
    return Identity(
      node: node, map: try ClusterMap(encoded: map), statistics: statistics,
      isUnsettled: handover != nil || purge != nil)
  }

  /// State of the layers above, as `NodeMachine.stored` reads it.
  package static func extra(
    _ name: String, of store: any StorageReader
  ) throws(ClusterError) -> [UInt8]? {
    try value(StoreLayout.extraKey(name), store)
  }

  private static func value(
    _ key: [UInt8], _ store: any StorageReader
  ) throws(ClusterError) -> [UInt8]? {
    do throws(StorageError) {
      return try store.get(key)
    } catch {
      throw failure(error)
    }
  }

  private static func failure(_ error: StorageError) -> ClusterError {
    ClusterError(
      error.code == .corruption ? .corruption : .storage,
      "the store could not be read: \(error.message)")
  }
}
