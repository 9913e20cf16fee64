import Testing

@testable import Commands

struct LineReaderTests {
  private func lines(_ bytes: [UInt8]) throws -> [LineReader.Line] {
    let folder = try TemporaryFolder()
    var reader = try LineReader(path: try folder.write("file", bytes))
    var lines: [LineReader.Line] = []
    while let line = try reader.next() { lines.append(line) }
    return lines
  }

  @Test func `lines come in order with where they end`() throws {
    let found = try lines(Array("a\n\nccc\n".utf8))
    #expect(found.map { String(decoding: $0.bytes, as: UTF8.self) } == ["a", "", "ccc"])
    #expect(found.map(\.number) == [1, 2, 3])
    #expect(found.map(\.end) == [2, 3, 7])
  }

  @Test func `the last line needs no end, and an empty file has none`() throws {
    #expect(try lines(Array("a\nb".utf8)).map(\.end) == [2, 3])
    #expect(try lines([]).isEmpty)
  }

  @Test func `carriage returns belong to the ends of lines where the first line has one`() throws {
    let windows = try lines(Array("a\r\nb\r\n".utf8)).map(\.bytes)
    #expect(windows == [Array("a".utf8), Array("b".utf8)])
    let unix = try lines(Array("a\nb\r\n".utf8)).map(\.bytes)
    #expect(unix == [Array("a".utf8), Array("b\r".utf8)])
  }

  @Test func `lines longer than one read are whole`() throws {
    let long = [UInt8](repeating: 0x61, count: 700_001)
    let found = try lines(long + [0x0a] + long + [0x0a, 0x62])
    #expect(found.map(\.bytes.count) == [700_001, 700_001, 1])
    #expect(found.last?.end == 1_400_005)
  }

  @Test func `reading goes on behind any line`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("file", Array("one\ntwo\nthree".utf8))
    var reader = try LineReader(path: path)
    try reader.seek(line: 1, offset: 4)
    let next = try reader.next()
    #expect(next == LineReader.Line(number: 2, bytes: Array("two".utf8), end: 8))
    try reader.seek(line: 3, offset: 13)
    #expect(try reader.next() == nil)
  }

  @Test(arguments: [UInt64(5), 14, 1_000]) func `a place where no line ends is refused`(
    offset: UInt64
  ) throws {
    let folder = try TemporaryFolder()
    var reader = try LineReader(path: try folder.write("file", Array("one\ntwo\nthree".utf8)))
    #expect(throws: CommandFailure.self) { try reader.seek(line: 1, offset: offset) }
  }

  @Test func `a folder and a missing file are refused`() throws {
    let folder = try TemporaryFolder()
    #expect(throws: CommandFailure.self) { try LineReader(path: folder.path) }
    #expect(throws: CommandFailure.self) { try LineReader(path: folder.path + "/none") }
  }
}

struct LoadEntryTests {
  private func entry(_ text: String, number: UInt64 = 7) -> LoadEntry {
    LoadEntry(LineReader.Line(number: number, bytes: Array(text.utf8), end: 0))
  }

  @Test func `a tab parts key and value`() {
    #expect(entry("k\tv\tw") == .pair(key: Array("k".utf8), value: Array("v\tw".utf8)))
    #expect(entry("k\t") == .pair(key: Array("k".utf8), value: []))
  }

  @Test func `a line without a tab has its number as value`() {
    #expect(entry("word") == .pair(key: Array("word".utf8), value: Array("7".utf8)))
    #expect(entry(" ") == .pair(key: Array(" ".utf8), value: Array("7".utf8)))
  }

  @Test func `an empty line is empty`() {
    #expect(entry("") == .empty)
  }

  @Test func `what no node takes is unusable`() {
    let longest = String(repeating: "k", count: 1_024)
    guard case .pair = entry(longest) else {
      Issue.record("1,024 bytes are a key")
      return
    }
    for text in [longest + "k", "\tvalue"] {
      guard case .unusable = entry(text) else {
        Issue.record("\(text.prefix(10)) is no key")
        continue
      }
    }
    let line = LineReader.Line(number: 1, bytes: [0xff, 0x41], end: 0)
    #expect(LoadEntry(line) == .unusable("the key is not UTF-8"))
  }
}

struct CompletionWindowTests {
  @Test func `progress is what is done without a gap`() {
    var window = CompletionWindow(after: LoadProgress())
    for line in 1...4 as ClosedRange<UInt64> { window.begin(line: line, end: line * 10) }
    window.complete(line: 3, .refused)
    window.complete(line: 2, .stored)
    #expect(window.progress == LoadProgress())
    window.complete(line: 1, .empty)
    #expect(
      window.progress == LoadProgress(lines: 3, offset: 30, stored: 1, empty: 1, refused: 1))
    window.complete(line: 4, .stored)
    #expect(window.progress.lines == 4)
  }

  @Test func `it goes on from an earlier run`() {
    let before = LoadProgress(lines: 10, offset: 99, stored: 9, empty: 1, refused: 0)
    var window = CompletionWindow(after: before)
    window.begin(line: 11, end: 120)
    #expect(window.progress == before)
    window.complete(line: 11, .stored)
    #expect(
      window.progress == LoadProgress(lines: 11, offset: 120, stored: 10, empty: 1, refused: 0))
  }

  @Test func `lines that were not begun change nothing`() {
    var window = CompletionWindow(after: LoadProgress(lines: 5, offset: 5))
    window.complete(line: 6, .stored)
    window.complete(line: 1, .stored)
    #expect(window.progress.lines == 5)
  }

  @Test func `it is bounded, and forgets what is done`() {
    var window = CompletionWindow(after: LoadProgress())
    for line in 1...UInt64(CompletionWindow.capacity) { window.begin(line: line, end: line) }
    #expect(window.isFull)
    for line in 2...UInt64(CompletionWindow.capacity) { window.complete(line: line, .stored) }
    #expect(window.isFull)
    window.complete(line: 1, .stored)
    #expect(!window.isFull)
    #expect(window.progress.lines == UInt64(CompletionWindow.capacity))
    let next = UInt64(CompletionWindow.capacity) + 1
    window.begin(line: next, end: next)
    window.complete(line: next, .stored)
    #expect(window.progress.lines == next)
  }
}

struct ResumeFileTests {
  @Test func `progress comes back from its file`() throws {
    let folder = try TemporaryFolder()
    let file = ResumeFile(path: folder.path + "/words.loaded", of: "words")
    #expect(try file.read() == nil)
    let progress = LoadProgress(lines: 7, offset: 70, stored: 5, empty: 1, refused: 1)
    try file.write(progress)
    #expect(try file.read() == progress)
    file.remove()
    #expect(try file.read() == nil)
  }

  @Test func `a file of the same name elsewhere is another one`() throws {
    let (here, there) = (try TemporaryFolder(), try TemporaryFolder())
    let path = here.path + "/words.loaded"
    let files = [try here.write("words", []), try there.write("words", [])]
    try ResumeFile(path: path, of: files[0]).write(LoadProgress())
    #expect(try ResumeFile(path: path, of: files[0]).read() == LoadProgress())
    let error = #expect(throws: CommandFailure.self) {
      try ResumeFile(path: path, of: files[1]).read()
    }
    #expect(error?.message.contains(files[0]) == true)
  }

  @Test(arguments: [
    "", "something else",
    "scaled-storage-load-2 lines=1 offset=1 stored=1 empty=0 refused=0\nwords\n",
    "scaled-storage-load-1 lines=1 offset=1 stored=1 empty=0\nwords\n",
    "scaled-storage-load-1 lines=-1 offset=1 stored=1 empty=0 refused=0\nwords\n",
    "scaled-storage-load-1 lines=18446744073709551615 offset=1 stored=1 empty=0 refused=0\nwords\n",
    "scaled-storage-load-1 lines=1 offset=1 stored=1 empty=0 refused=0",
    "scaled-storage-load-1 lines=1 offset=1 stored=1 empty=0 refused=0\nother\n",
  ])
  func `another file is not taken for progress`(text: String) throws {
    let folder = try TemporaryFolder()
    let file = ResumeFile(
      path: try folder.write("words.loaded", Array(text.utf8)), of: "words")
    #expect(throws: CommandFailure.self) { try file.read() }
  }
}
