/// A request's header fields apart from its exchange.
package struct RequestFields: Sendable {
  private let bytes: [UInt8]
  private let ranges: [Exchange.FieldRange]

  package init(_ exchange: Exchange) {
    bytes = Array(exchange.requestBytes.bytes)
    ranges = Array(exchange.requestFields.elements)
  }

  /// Made of fields whose names are in lower case.
  package init(_ fields: [(name: String, value: String)]) {
    var bytes: [UInt8] = []
    ranges = fields.map { field in
      let start = bytes.count
      bytes += field.name.utf8
      let end = bytes.count
      bytes += field.value.utf8
      return Exchange.FieldRange(nameStart: start, nameEnd: end, valueEnd: bytes.count)
    }
    self.bytes = bytes
  }

  /// The first value of a field, nil when it is absent. Linear in the number of fields.
  package func first(_ name: String) -> String? {
    bytes.withUnsafeBytes { bytes in
      for field in ranges
      where UnsafeRawBufferPointer(rebasing: bytes[field.nameStart..<field.nameEnd])
        .elementsEqual(name.utf8)
      {
        return String(decoding: bytes[field.nameEnd..<field.valueEnd], as: UTF8.self)
      }
      return nil
    }
  }
}
