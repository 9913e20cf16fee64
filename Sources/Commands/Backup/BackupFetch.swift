import Cluster
import HTTPTransport
import ScaledStorage
import ScaledStorageClient

/// Fetches what nodes have set aside, but for what is there already.
final class BackupFetch {
  private struct Work {
    let node: NodePlace
    let file: BackupFile
  }

  private(set) var objects: [NodePlace: [BackupManifest.File]] = [:]
  private(set) var fetchedBytes: UInt64 = 0
  private(set) var reusedBytes: UInt64 = 0
  /// Why it goes no further.
  private(set) var refusal: NodeRefusal?

  private let caller: NodeCaller
  private let folder: BackupFolder
  private let backup: String
  private let pace: TransferPace
  private var progress = ProgressDisplay("backup", unit: "bytes")
  private let expectedBytes: UInt64
  private var waiting: [Work] = []
  private var next = 0

  /// Bytes of one read: more would hold the node's other requests up.
  private static let partBytes: UInt32 = 256 << 10
  private static let filesAtOnce = 8

  init(
    _ contents: [(node: NodePlace, contents: BackupContents)], _ caller: NodeCaller,
    to folder: BackupFolder, pace: TransferPace
  ) throws(CommandFailure) {
    self.caller = caller
    self.folder = folder
    self.pace = pace
    backup = contents.first?.contents.backup ?? ""
    let index = try ObjectIndex(folder)
    var lists: [[Work]] = []
    for (node, contents) in contents {
      var works: [Work] = []
      objects[node] = []
      for file in contents.files {
        if let object = index.object(for: file) {
          objects[node]?.append(BackupManifest.File(name: file.name, object: object.text))
          reusedBytes = reusedBytes.adding(atMost: file.size)
        } else {
          works.append(Work(node: node, file: file))
        }
      }
      lists.append(works)
    }
    // In turns, so that no node waits for long and none has all the work.
    for place in 0..<(lists.map(\.count).max() ?? 0) {
      for list in lists where place < list.count { waiting.append(list[place]) }
    }
    expectedBytes = waiting.reduce(0) { $0.adding(atMost: $1.file.size) }
  }

  /// Runs the loop until all is fetched, or it goes no further.
  func run() {
    defer { progress.end() }
    var pump: Pump?
    pump = Pump(limit: BackupFetch.filesAtOnce) { [self] done in
      guard refusal == nil, next < waiting.count else { return .exhausted }
      let work = waiting[next]
      let number = next
      next += 1
      do throws(CommandFailure) {
        let writer = try ObjectWriter(work.file, in: folder, number: number)
        goOn(work, writer) { [self] result in
          if case .failure(let refusal) = result {
            self.refusal = self.refusal ?? refusal
            pump?.stop()
          }
          done()
        }
      } catch {
        refusal = NodeRefusal(message: error.message, isPassing: false)
        return .exhausted
      }
      return .started
    }
    if let pump { caller.connection.run(pump) }
    pump = nil
  }

  private func goOn(
    _ work: Work, _ writer: ObjectWriter,
    _ done: @escaping (Result<Void, NodeRefusal>) -> Void
  ) {
    let count = UInt32(
      clamping: min(UInt64(BackupFetch.partBytes), work.file.size - writer.written))
    // An operation of a pump must not end within its start.
    pace.wait(for: Int(count)) { [self] in
      guard refusal == nil else { return done(.success(())) }
      guard count > 0 else {
        return done(Result { () throws(NodeRefusal) in try finish(work, writer) })
      }
      let read = BackupRead(
        backup: backup, file: work.file.name, offset: writer.written, count: count)
      caller.call(.backupRead, read, at: work.node, as: BackupPart.self) { [self] result in
        do throws(NodeRefusal) {
          try take(try result.get(), count, writer)
        } catch {
          return done(.failure(error))
        }
        goOn(work, writer, done)
      }
    }
  }

  private func take(
    _ part: BackupPart, _ count: UInt32, _ writer: ObjectWriter
  ) throws(NodeRefusal) {
    do throws(CommandFailure) {
      try writer.write(part, expecting: count)
    } catch {
      throw NodeRefusal(message: error.message, isPassing: false)
    }
    fetchedBytes += UInt64(count)
    progress.update(
      fetchedBytes, fraction: Double(fetchedBytes) / Double(max(1, expectedBytes)))
  }

  private func finish(_ work: Work, _ writer: ObjectWriter) throws(NodeRefusal) {
    do throws(CommandFailure) {
      let object = try writer.finish()
      objects[work.node, default: []].append(
        BackupManifest.File(name: work.file.name, object: object.text))
    } catch {
      throw NodeRefusal(message: error.message, isPassing: false)
    }
  }
}
