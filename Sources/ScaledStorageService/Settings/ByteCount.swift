import ArgumentParser

/// A number of bytes as people write it: `1048576`, `1024K`, `1M`, `2G`; a K is 1,024.
package struct ByteCount: Hashable, LosslessStringConvertible, ExpressibleByArgument {
  package var count: UInt64

  package init(count: UInt64) {
    self.count = count
  }

  package init?(_ text: String) {
    let shift: UInt64
    switch text.last {
    case "K", "k": shift = 10
    case "M", "m": shift = 20
    case "G", "g": shift = 30
    default: shift = 0
    }
    let digits = shift == 0 ? text[...] : text.dropLast()
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
      let number = UInt64(digits), number <= UInt64(Int64.max) >> shift
    else { return nil }
    count = number << shift
  }

  package init?(argument: String) {
    self.init(argument)
  }

  package var description: String { String(count) }
}

/// A setting that is on or off.
enum Switch: String, CaseIterable {
  case on, off
}
