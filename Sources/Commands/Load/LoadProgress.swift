import Glibc

/// How far a load has come: every line up to here is certainly done.
struct LoadProgress: Hashable {
  var lines: UInt64 = 0
  /// Where the next line begins, in bytes.
  var offset: UInt64 = 0
  var stored: UInt64 = 0
  var empty: UInt64 = 0
  /// Lines that could not be stored.
  var refused: UInt64 = 0
}

/// The file that keeps a load's progress, so that it can go on after an interruption.
struct ResumeFile {
  let path: String
  /// The whole path of the file that is loaded, so that no other of its name is taken for it.
  let source: String

  init(path: String, of file: String) {
    self.path = path
    let whole = realpath(file, nil)
    defer { free(whole) }
    source = whole.map { String(cString: $0) } ?? file
  }

  /// The first word of the file, with the version of its form.
  private static let mark = "scaled-storage-load-1"
  private static let names = ["lines", "offset", "stored", "empty", "refused"]

  /// What the file says; nil when there is none.
  /// - Throws: `CommandFailure` when it is something else, or tells of another file.
  func read() throws(CommandFailure) -> LoadProgress? {
    guard InputFile.exists(path) else { return nil }
    let text = String(decoding: try InputFile.read(path, limit: 16_384), as: UTF8.self)
    let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    let words = (lines.first ?? "").split(separator: " ")
    guard lines.count == 2, lines[1].hasSuffix("\n"),
      words.first.map(String.init) == ResumeFile.mark,
      words.count == 1 + ResumeFile.names.count
    else { throw unreadable }
    var numbers: [UInt64] = []
    for (name, word) in zip(ResumeFile.names, words.dropFirst()) {
      guard word.hasPrefix(name + "="), let number = UInt64(word.dropFirst(name.count + 1)),
        number < 1 << 62
      else { throw unreadable }
      numbers.append(number)
    }
    guard lines[1].dropLast() == source else {
      throw CommandFailure(
        "\(path) tells of the load of \(lines[1].dropLast()); remove it, or name another "
          + "--resume-file")
    }
    return LoadProgress(
      lines: numbers[0], offset: numbers[1], stored: numbers[2], empty: numbers[3],
      refused: numbers[4])
  }

  private var unreadable: CommandFailure {
    CommandFailure("\(path) is no record of a load; remove it, or name another --resume-file")
  }

  /// Replaces the file in one step.
  func write(_ progress: LoadProgress) throws(CommandFailure) {
    let numbers = [
      progress.lines, progress.offset, progress.stored, progress.empty, progress.refused,
    ]
    let words = zip(ResumeFile.names, numbers).map { "\($0)=\($1)" }
    let text = ([ResumeFile.mark] + words).joined(separator: " ") + "\n\(source)\n"
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(temporary) }
    do {
      defer { close(descriptor) }
      try StandardStreams.write(Array(text.utf8), to: descriptor)
    }
    guard rename(temporary, path) == 0 else { throw failure(path) }
  }

  func remove() {
    unlink(path)
  }

  private func failure(_ path: String) -> CommandFailure {
    CommandFailure("\(path) cannot be written: \(String(cString: strerror(errno)))")
  }
}
