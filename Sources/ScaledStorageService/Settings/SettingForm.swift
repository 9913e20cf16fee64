/// How the values of settings are written.
enum SettingForm {
  /// What a value of the type looks like, for who has to write one.
  static func of<Value>(_ type: Value.Type) -> String {
    switch type {
    case is Bool.Type: "true or false"
    case is Int.Type: "a whole number, as 100"
    case is UInt64.Type: "a whole number from 0 on, as 100"
    case is Double.Type: "a number, as 2.5"
    case is ByteCount.Type: "a number of bytes, as 65536, 64K, 50M or 2G"
    default: "another value"
    }
  }
}

/// How unlike two names are.
enum EditDistance {
  /// The fewest insertions, removals and replacements of characters that make one of the other
  /// (Levenshtein 1966). O(a · b); names are short.
  static func between(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8.prefix(64)), Array(b.utf8.prefix(64)))
    var row = Array(0...b.count)
    for (i, left) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, right) in b.enumerated() {
        let replaced = diagonal + (left == right ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
