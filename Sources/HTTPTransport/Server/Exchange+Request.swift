import Glibc

extension Exchange {
  /// Prepares a pooled exchange for a new request.
  func begin(on connection: Connection, stream: UInt32, version: HTTPVersion) {
    self.connection = connection
    self.stream = stream
    self.version = version
    phase = .receiving
  }

  /// Bytes of memory that are kept for the next body.
  private static let keptBody = 16_384

  /// Forgets everything and keeps modest buffers.
  func recycle() {
    phase = .free
    connection = nil
    isTimed = false
    kind = 0
    if span != nil { span = nil }
    method = .get
    status = 200
    requestBody.reset(keeping: Exchange.keptBody)
    target.reset()
    queryStart = nil
    requestBytes.reset()
    requestFields.reset(keeping: 64)
    // Assigning what is empty already would cost a check of exclusive access.
    if !givenBody.isEmpty { givenBody = [] }
    responseArena.reset(keeping: Exchange.keptBody)
    responseCount = 0
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
    received = 0
    charged = 0
    bodySent = 0
    head.reset()
    headSent = 0
    keepAlive = true
    submittedEpoch = 0
    announcedLength = nil
    if outflow != nil { outflow = nil }
    carriesCredential = false
    if deadline != nil { deadline = nil }
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
    if name.count == Deadline.field.utf8CodeUnitCount, name.equals(Deadline.field) {
      noteDeadline(value)
    } else if name.count == 13, Exchange.isCredential(name) {
      carriesCredential = true
    }
    let nameStart = requestBytes.append(name)
    let nameEnd = requestBytes.count
    requestBytes.append(value)
    requestFields.append(
      FieldRange(nameStart: nameStart, nameEnd: nameEnd, valueEnd: requestBytes.count))
  }

  /// Whether a field may carry the credential of the program's own cluster: a client's field, or
  /// the one that programs of the cluster add to what they pass on.
  static func isCredential(_ name: UnsafeRawBufferPointer) -> Bool {
    name.equals("authorization") || name.equals("ss-credential")
  }

  /// Reads a field `ss-deadline`; of several the earliest counts.
  func noteDeadline(_ value: UnsafeRawBufferPointer) {
    guard let now = connection?.now, let instant = Deadline.instant(value, now: now) else {
      rejection = .deadlineMalformed
      return
    }
    deadline = min(deadline ?? instant, instant)
  }

  /// Bytes of the request's body.
  package var bodyCount: Int { requestBody.count }

  /// Hands the request's body to `read` without copying it.
  package func withBody<Result>(_ read: (UnsafeRawBufferPointer) -> Result) -> Result {
    read(requestBody.bytes)
  }

  /// Hands the target before and after the `?`, still percent-encoded, to `read` without copying
  /// it; the query is empty when there is none.
  package func withTarget<Result>(
    _ read: (_ path: UnsafeRawBufferPointer, _ query: UnsafeRawBufferPointer) -> Result
  ) -> Result {
    guard let queryStart else {
      return read(target.bytes, UnsafeRawBufferPointer(start: nil, count: 0))
    }
    return read(target[0..<queryStart - 1], target[queryStart..<target.count])
  }

  /// Whether no field of the request changes what a plain answer would be: no condition, no content
  /// coding, and none of the cluster's own (`ss-…`) but those that `isUsual` knows.
  package func isPlain(
    _ isUsual: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
  ) -> Bool {
    for field in requestFields.elements {
      let name = requestBytes[field.nameStart..<field.nameEnd]
      guard name.count > 2 else { continue }
      switch (name[0], name[1], name[2]) {
      case (0x73, 0x73, 0x2D):
        guard isUsual(name, requestBytes[field.nameEnd..<field.valueEnd]) else { return false }
      case (0x69, 0x66, 0x2D): return false
      case (0x63, 0x6F, 0x6E): if name.equals("content-encoding") { return false }
      default: continue
      }
    }
    return true
  }

  /// Whether the target is a path, or the `*` of OPTIONS.
  var hasPath: Bool {
    guard let first = target.bytes.first else { return false }
    return first == 0x2F || (first == 0x2A && target.count == 1 && method == .options)
  }

  /// Finds where the query begins, once the target is whole.
  func indexTarget() {
    let bytes = target.bytes
    guard let start = bytes.baseAddress, let mark = memchr(start, 0x3F, bytes.count) else {
      queryStart = nil
      return
    }
    queryStart = UnsafeRawPointer(mark) - start + 1
  }

  /// How many fields have this lower-case name.
  package func fieldCount(_ name: StaticString) -> Int {
    var count = 0
    for field in requestFields.elements
    where requestBytes[field.nameStart..<field.nameEnd].equals(name) {
      count += 1
    }
    return count
  }

  /// Appends a piece of the body, or sets the reason why it is refused.
  func receive(_ bytes: UnsafeRawBufferPointer, server: ServerCore) {
    guard rejection == nil else { return }
    guard bytes.count <= server.limits.maxBodyBytes - requestBody.count else {
      rejection = .bodyTooLarge(server.limits.maxBodyBytes)
      return
    }
    guard let connection, connection.mayHold(bytes.count), server.charge(self, bytes.count) else {
      rejection = .overloaded
      return
    }
    received += bytes.count
    connection.heldRequestBytes += bytes.count
    requestBody.append(bytes)
    if requestBody.count - progressMark >= server.limits.minBodyProgress {
      progressMark = requestBody.count
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
