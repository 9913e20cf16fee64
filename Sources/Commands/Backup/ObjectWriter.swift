import Cluster
import Glibc
import HTTPTransport

/// The objects of a folder of backups, found by what nodes tell of their files.
struct ObjectIndex {
  private struct Fingerprint: Hashable {
    var tail: String
    var size: UInt64
  }

  private var objects: [Fingerprint: ObjectName] = [:]

  init(_ folder: BackupFolder) throws(CommandFailure) {
    for text in try DurableFile.names(in: folder.objects) {
      // One of another size is what is left of an object: it is fetched again.
      guard let name = ObjectName(text), DurableFile.size(folder.objects + "/" + text) == name.size
      else { continue }
      objects[Fingerprint(tail: name.tail, size: name.size)] = name
    }
  }

  /// The object that is this file of a node. Only table files are told by their ends: the others
  /// are small, and fetched each time.
  func object(for file: BackupFile) -> ObjectName? {
    guard file.name.hasSuffix(".sst") else { return nil }
    return objects[Fingerprint(tail: SHA256.hexadecimal(file.tail), size: file.size)]
  }
}

/// A file of a node on its way to becoming an object.
final class ObjectWriter {
  let file: BackupFile
  private(set) var written: UInt64 = 0
  private let folder: BackupFolder
  private let path: String
  private let output: OutputDescriptor
  private let digest = SHA256.Stream()

  init(_ file: BackupFile, in folder: BackupFolder, number: Int) throws(CommandFailure) {
    self.file = file
    self.folder = folder
    path = "\(folder.incomplete)/\(number).part"
    output = try OutputDescriptor(creating: path)
  }

  func write(_ part: BackupPart, expecting count: UInt32) throws(CommandFailure) {
    guard part.data.count == Int(count), SHA256.digest(part.data) == part.sha256 else {
      throw CommandFailure("a part of \(file.name) came damaged; try again")
    }
    try output.write(part.data)
    digest.add(part.data)
    written += UInt64(count)
  }

  /// Makes the file durable, and then an object: what bears an object's name is complete.
  func finish() throws(CommandFailure) -> ObjectName {
    let count = Int(min(file.size, UInt64(BackupFile.tailByteCount)))
    guard written == file.size,
      SHA256.digest(try output.tail(count, of: file.size)) == file.tail
    else { throw CommandFailure("\(file.name) is not as the node described it; try again") }
    let name = ObjectName(tail: file.tail, size: file.size, sha256: digest.finish())
    try output.sync()
    try DurableFile.rename(path, to: folder.objects + "/" + name.text)
    return name
  }
}
