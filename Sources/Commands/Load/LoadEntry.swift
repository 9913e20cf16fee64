import ScaledStorage
import WireProtocol

/// What a line of a load file asks for.
enum LoadEntry: Hashable {
  case empty
  case pair(key: [UInt8], value: [UInt8])
  /// No key, for the reason given.
  case unusable(String)

  /// `key<TAB>value`; without a tab the line is the key and its number the value.
  init(_ line: LineReader.Line) {
    guard !line.bytes.isEmpty else {
      self = .empty
      return
    }
    let key: [UInt8]
    let value: [UInt8]
    if let tab = line.bytes.firstIndex(of: UInt8(ascii: "\t")) {
      key = Array(line.bytes[..<tab])
      value = Array(line.bytes[(tab + 1)...])
    } else {
      key = line.bytes
      value = Array(String(line.number).utf8)
    }
    guard String(validating: key, as: UTF8.self) != nil else {
      self = .unusable("the key is not UTF-8")
      return
    }
    do throws(Problem) {
      try KeyTarget.validate(key)
      self = .pair(key: key, value: value)
    } catch {
      self = .unusable(error.detail)
    }
  }
}
