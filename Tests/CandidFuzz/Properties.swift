// What all fuzzers share. They are compiled into one module with Candid, so that the fuzzer sees
// which branches of it an input takes; they use its public interface only.

/// Ends the process, which is how a fuzzer learns that an input is worth keeping.
func violated(_ property: String, _ details: @autoclosure () -> String) -> Never {
  fatalError("violated: \(property)\n\(details())")
}

/// The result, or nil when the limits refuse it: a second pass may cost more than the first did.
func require<Result>(
  _ property: String, tolerating tolerated: CandidError.Code? = nil,
  _ body: () throws(CandidError) -> Result
) -> Result? {
  do {
    return try body()
  } catch {
    if error.code == .limitExceeded || error.code == tolerated { return nil }
    violated(property, "\(error)")
  }
}

/// Values are compared as text: it holds the names of fields, and NaN equals NaN.
func expectSame(_ property: String, _ left: [CandidValue], _ right: [CandidValue]) {
  let printed = (CandidText.printCompact(left), CandidText.printCompact(right))
  if printed.0 == printed.1 { return }
  violated(
    property,
    "\(String(decoding: printed.0, as: UTF8.self))\n\(String(decoding: printed.1, as: UTF8.self))")
}

/// What holds for values that have the signature's types, wherever they came from.
func checkRoundTrips(_ values: [CandidValue], as signature: CandidSignature) {
  let compact = CandidText.printCompact(values)
  let lines = Array(CandidText.print(values).utf8)
  for text in [compact, lines] {
    let parsed = require("a typed value's text is read at its type") { () throws(CandidError) in
      try CandidText.parseArguments(text, as: signature)
    }
    if let parsed { expectSame("text gives back typed values", values, parsed) }
  }
  let message = require("a value is encoded at its type") { () throws(CandidError) in
    try CandidBinary.encode(values, as: signature)
  }
  if let message {
    let decoded = require("an encoded value is decoded at its type") { () throws(CandidError) in
      try CandidBinary.decode(message, as: signature)
    }
    if let decoded { expectSame("binary gives back typed values", values, decoded) }
  }
  let json = CandidJSON.writeArguments(values)
  let read = require("a typed value's JSON is read at its type") { () throws(CandidError) in
    try CandidJSON.readArguments(json, as: signature)
  }
  if let read { expectSame("JSON gives back typed values", values, read) }
}

/// The bytes of one input. They live as long as the call that they were given to.
func bytes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  Array(UnsafeBufferPointer(start: start, count: count))
}
