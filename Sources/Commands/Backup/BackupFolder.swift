import Cluster
import Glibc
import HTTPTransport
import ScaledStorage

/// Where backups lie: `objects/`, files of nodes' stores, each there once and never changed;
/// `backups/NAME/manifest`, what a backup is made of; `incomplete/`, what is being fetched;
/// `owner`, by what nodes know the folder.
final class BackupFolder {
  let path: String
  private let lock: Int32

  private static let formatLine = "scaled-storage backup 1\n"
  private static let mostManifestBytes = 1 << 30

  var objects: String { path + "/objects" }
  var incomplete: String { path + "/incomplete" }
  private var backups: String { path + "/backups" }
  private var format: String { path + "/format" }

  enum Use {
    /// Backups are added and removed: by one program at a time.
    case write
    case read
  }

  /// - Throws: `CommandFailure` for a folder of something else, and while another program uses it.
  init(_ path: String, for use: Use) throws(CommandFailure) {
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    if use == .write, try DurableFile.makeFolder(self.path) {
      try DurableFile.syncFolder(of: self.path)
    }
    lock = open(self.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard lock >= 0 else { throw DurableFile.failure("opened", self.path) }
    guard flock(lock, (use == .write ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 else {
      throw CommandFailure("another backup, restore or verify is under way in \(path)")
    }
    try checkFormat(use)
    guard use == .write else { return }
    for folder in [objects, backups, incomplete] { try DurableFile.makeFolder(folder) }
    for name in try DurableFile.names(in: incomplete) { unlink(incomplete + "/" + name) }
    try DurableFile.syncFolder(self.path)
  }

  deinit { if lock >= 0 { close(lock) } }

  private func checkFormat(_ use: Use) throws(CommandFailure) {
    if InputFile.exists(format) {
      let line = String(decoding: try InputFile.read(format, limit: 4_096), as: UTF8.self)
      guard line == BackupFolder.formatLine else {
        throw CommandFailure(
          "\(path) has backups of another format than this program knows: \(line.prefix(80))")
      }
      return
    }
    let names = try DurableFile.names(in: path)
    guard use == .write, names.allSatisfy({ $0 == "format.part" || $0 == "lost+found" }) else {
      throw CommandFailure(
        "\(path) is no folder of backups"
          + (use == .write ? "; name one that is empty or does not exist yet" : ""))
    }
    try DurableFile.write(Array(BackupFolder.formatLine.utf8), to: format)
  }

  /// By what the nodes know who fetches into this folder: what an earlier run had them set aside is
  /// replaced at once.
  func owner() throws(CommandFailure) -> String {
    let path = path + "/owner"
    if let bytes = try? InputFile.read(path, limit: 64), !bytes.isEmpty {
      return String(decoding: bytes, as: UTF8.self)
    }
    let owner = String(UInt64.random(in: 1 << 60 ... .max), radix: 36)
    try DurableFile.write(Array(owner.utf8), to: path)
    return owner
  }

  // MARK: - Backups

  /// The names of the backups, the oldest first.
  var names: [String] {
    get throws(CommandFailure) {
      var names: [String] = []
      for name in try DurableFile.names(in: backups)
      where try DurableFile.exists(manifestPath(name)) { names.append(name) }
      return names.sorted { BackupName($0) < BackupName($1) }
    }
  }

  func manifest(_ name: String) throws(CommandFailure) -> BackupManifest {
    do throws(CommandFailure) {
      return try BackupManifest(
        InputFile.read(manifestPath(name), limit: BackupFolder.mostManifestBytes), name: name)
    } catch {
      throw CommandFailure("the backup \(name) is damaged: \(error.message)")
    }
  }

  /// The backup of this name; without one the last.
  func manifest(named name: String?) throws(CommandFailure) -> BackupManifest {
    let names = try names
    guard let chosen = name ?? names.last else {
      throw CommandFailure("\(path) has no complete backup")
    }
    guard names.contains(chosen) else {
      throw CommandFailure(
        "\(path) has no backup \"\(chosen)\"; \"scaled-storage backup \(path) --list\" lists them")
    }
    return try manifest(chosen)
  }

  /// Makes a backup one, once all its objects are durable.
  func add(_ manifest: BackupManifest) throws {
    try DurableFile.syncFolder(objects)
    try DurableFile.makeFolder(backups + "/" + manifest.name)
    try DurableFile.syncFolder(backups)
    try DurableFile.write(manifest.encoded(), to: manifestPath(manifest.name))
  }

  /// A name that no backup has, for one of this moment (milliseconds since 1970). It is the last
  /// one also when the clock went back.
  func newName(at moment: UInt64) throws(CommandFailure) -> String {
    var seconds = time_t(moment / 1_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let day = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    let name = "\(day)T\(two(parts.tm_hour))-\(two(parts.tm_min))-\(two(parts.tm_sec))Z"
    let taken = Set(try DurableFile.names(in: backups))
    var new = BackupName(name)
    if let last = try names.last.map(BackupName.init), last >= new { new = last.next }
    while taken.contains(new.text) { new = new.next }
    return new.text
  }

  /// Removes all but the last `count` backups, never `added`, and the objects that none of the
  /// others needs.
  /// - Returns: the bytes that were removed.
  func prune(keeping count: Int?, added: String) throws(CommandFailure) -> UInt64 {
    let names = try names
    guard names.contains(added) else {
      throw CommandFailure("\(backups) does not show \(added), which was just added")
    }
    if let count {
      for name in names.dropLast(max(1, count)) where name != added {
        unlink(manifestPath(name))
        rmdir(backups + "/" + name)
      }
      try DurableFile.syncFolder(backups)
    }
    var needed: Set<String> = []
    // One that cannot be read may need any of them.
    for name in try self.names { needed.formUnion(try manifest(name).objects) }
    var removed: UInt64 = 0
    for object in try DurableFile.names(in: objects) where !needed.contains(object) {
      removed += DurableFile.size(objects + "/" + object) ?? 0
      unlink(objects + "/" + object)
    }
    return removed
  }

  private func manifestPath(_ name: String) -> String { "\(backups)/\(name)/manifest" }
}

/// A backup's name by its place among others: the moment, and the number among those of one moment.
private struct BackupName: Comparable {
  private let moment: Substring
  private let number: UInt64

  init(_ text: String) {
    if let dash = text.lastIndex(of: "-"), text[..<dash].hasSuffix("Z"),
      let number = UInt64(text[text.index(after: dash)...])
    {
      moment = text[..<dash]
      self.number = number
    } else {
      moment = text[...]
      number = 1
    }
  }

  private init(moment: Substring, number: UInt64) {
    self.moment = moment
    self.number = number
  }

  var text: String { number == 1 ? String(moment) : "\(moment)-\(number)" }

  var next: BackupName { BackupName(moment: moment, number: number &+ 1) }

  static func < (left: BackupName, right: BackupName) -> Bool {
    (left.moment, left.number) < (right.moment, right.number)
  }
}
