import Foundation
import Testing

@testable import RocksDBStorage
@testable import Storage

@Suite(.serialized) struct FullDiskTests {
  @Test(.timeLimit(.minutes(1)), arguments: [1 << 20, 64 << 20])
  func `after a full disk the engine recovers once there is room, and lost nothing`(
    writeBuffer: Int
  ) throws {
    guard let disk = try SmallFileSystem(megabytes: 48) else {
      print("skipped: mounting a tmpfs is not permitted here")
      return
    }
    let options = RocksDBOptions(writeBufferByteCount: writeBuffer)
    let ballast = disk.path + "/ballast"
    try Data(count: 30 << 20).write(to: URL(fileURLWithPath: ballast))
    let engine = try RocksDBEngine(path: disk.path + "/db", options: options)
    var generator = SystemRandomNumberGenerator()
    let value = (0..<50_000).map { _ in UInt8.random(in: 0...255, using: &generator) }

    // Fill the disk until a commit is refused.
    var acknowledged = 0
    var failure: StorageError?
    while failure == nil && acknowledged < 2_000 {
      do throws(StorageError) {
        try engine.commit(batch { $0.put(key(acknowledged), value) })
        acknowledged += 1
      } catch {
        failure = error
      }
    }
    print("full after", acknowledged, failure as Any)
    #expect(failure?.code == .noSpace)
    #expect(try engine.get(key(0)) == value)

    try FileManager.default.removeItem(atPath: ballast)
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .seconds(30) {
      do throws(StorageError) {
        try engine.commit(batch { $0.put([9], [9]) })
        break
      } catch {
        #expect(error.isRetryable, "\(error)")
        usleep(200_000)
      }
    }
    print("recovered after", ContinuousClock.now - start)
    for number in 0..<acknowledged { #expect(try engine.get(key(number)) == value) }
    engine.close()
    let reopened = try RocksDBEngine(path: disk.path + "/db", options: options)
    for number in 0..<acknowledged { #expect(try reopened.get(key(number)) == value) }
    #expect(try reopened.get([9]) == [9])
    reopened.close()
  }
}
