extension Exchange {
  /// Prepares a pooled exchange for a new request.
  func begin(on connection: Connection, stream: UInt32, version: HTTPVersion) {
    self.connection = connection
    self.stream = stream
    self.version = version
    phase = .receiving
  }

  /// Forgets everything and keeps modest buffers.
  func recycle() {
    phase = .free
    connection = nil
    method = .get
    status = 200
    // Assigning what is empty already would cost a check of exclusive access each.
    if !body.isEmpty { body.removeAll(keepingCapacity: body.capacity <= 65_536) }
    target.removeAll(keepingCapacity: true)
    queryStart = nil
    requestBytes.reset()
    requestFields.reset(keeping: 64)
    responseBody = []
    responseBytes.reset()
    responseFields.reset(keeping: 64)
    if rejection != nil { rejection = nil }
    headersComplete = false
    requestComplete = false
    headerBytes = 0
    contentLength = nil
    progressDeadline = MonotonicTime(nanoseconds: .max)
    progressMark = 0
    awaitsReset = false
    charged = 0
    bodySent = 0
    head.reset()
    headSent = 0
    keepAlive = true
    submittedEpoch = 0
  }

  /// Appends to a `cookie` field that came before (RFC 9113 section 8.2.3); false when none did.
  func joinCookie(_ crumb: UnsafeRawBufferPointer) -> Bool {
    guard
      let index = requestFields.elements.firstIndex(where: {
        requestBytes[$0.nameStart..<$0.nameEnd].equals("cookie")
      })
    else { return false }
    let whole = requestFields[index]
    // A field's name and value lie side by side, so that all but the last is written again.
    var joined = FieldRange(
      nameStart: whole.nameStart, nameEnd: whole.nameEnd, valueEnd: whole.valueEnd)
    if whole.valueEnd != requestBytes.count {
      let copy = [UInt8](requestBytes[whole.nameStart..<whole.valueEnd])
      joined.nameStart = copy.withUnsafeBytes { requestBytes.append($0) }
      joined.nameEnd = joined.nameStart + (whole.nameEnd - whole.nameStart)
    }
    requestBytes.append("; ")
    requestBytes.append(crumb)
    joined.valueEnd = requestBytes.count
    requestFields[index] = joined
    return true
  }

  /// Stores a field; the name is put in lower case.
  func addField(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    let nameStart = requestBytes.append(name)
    let nameEnd = requestBytes.count
    requestBytes.append(value)
    requestFields.append(
      FieldRange(nameStart: nameStart, nameEnd: nameEnd, valueEnd: requestBytes.count))
  }

  /// Finds where the query begins, once the target is whole.
  func indexTarget() {
    queryStart = target.firstIndex(of: 0x3F).map { $0 + 1 }
  }

  /// How many fields have this lower-case name.
  func fieldCount(_ name: StaticString) -> Int {
    var count = 0
    for field in requestFields.elements
    where requestBytes[field.nameStart..<field.nameEnd].equals(name) {
      count += 1
    }
    return count
  }

  /// Appends a piece of the body, or sets the reason why it is refused.
  func receive(_ bytes: UnsafeRawBufferPointer, server: HTTPServer) {
    guard rejection == nil else { return }
    guard bytes.count <= server.limits.maxBodyBytes - body.count else {
      rejection = .bodyTooLarge(server.limits.maxBodyBytes)
      return
    }
    guard server.charge(self, bytes.count) else {
      rejection = .overloaded
      return
    }
    body.append(contentsOf: bytes)
    if body.count - progressMark >= server.limits.minBodyProgress {
      progressMark = body.count
      progressDeadline = server.loop.now + server.limits.bodyTimeout
    }
  }
}

extension Exchange {
  /// The `content-length` field's value; nil when it is absent or no number.
  var declaredLength: Int? {
    withHeader("content-length") { value -> Int? in
      var length = 0
      for byte in value {
        guard byte >= 0x30, byte <= 0x39 else { return nil }
        let (product, overflow) = length.multipliedReportingOverflow(by: 10)
        let (sum, carry) = product.addingReportingOverflow(Int(byte - 0x30))
        // Anything that large exceeds every limit.
        guard !overflow, !carry else { return .max }
        length = sum
      }
      return value.isEmpty ? nil : length
    } ?? nil
  }
}
