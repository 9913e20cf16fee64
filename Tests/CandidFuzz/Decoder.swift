/// The binary decoder: a `Request` whose content is a message.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDecoder(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let request = Request(bytes(start, count)) else { return 0 }
  let message = request.content
  var malformed: CandidError?
  var untyped: [CandidValue]?
  do {
    untyped = try CandidBinary.decode(message)
  } catch {
    if error.code == .malformed { malformed = error }
  }
  guard let signature = request.signature else {
    if let untyped { checkUntyped(untyped) }
    return 0
  }
  guard let typed = try? CandidBinary.decode(message, as: signature) else { return 0 }
  if let malformed { violated("malformed bytes fail at every type", "\(malformed)") }
  checkRoundTrips(typed, as: signature)
  checkNeighbours(message, typed, signature)
  return 0
}

/// What is read at the types that the message states is a message again at those that the values
/// have by themselves, unless a `vec` holds elements of different ones.
private func checkUntyped(_ values: [CandidValue]) {
  let message = require("untyped values are encoded", tolerating: .typeMismatch) {
    () throws(CandidError) in try CandidBinary.encode(values)
  }
  guard let message else { return }
  let again = require("encoded values are decoded") { () throws(CandidError) in
    try CandidBinary.decode(message)
  }
  if let again { expectSame("binary gives back untyped values", values, again) }
  let types = values.map(\.inferredType)
  let typed = require("untyped values are decoded at their types") { () throws(CandidError) in
    try CandidBinary.decode(message, as: types)
  }
  if let typed { expectSame("the types that values have change nothing", values, typed) }
  let parsed = require("untyped values are parsed") { () throws(CandidError) in
    try CandidText.parseArguments(CandidText.print(values), as: types)
  }
  if let parsed { expectSame("text gives back untyped values", values, parsed) }
}

/// Fewer or more types asked for leave the answer for the others as it was.
private func checkNeighbours(
  _ message: [UInt8], _ values: [CandidValue], _ signature: CandidSignature
) {
  let types = Array(signature.types)
  guard !types.isEmpty, let longer = try? CandidSignature(types + [.reserved, .opt(.bool)]),
    let shorter = try? CandidSignature(types.dropLast())
  else { return }
  let more = require("further optional arguments may be asked for") { () throws(CandidError) in
    try CandidBinary.decode(message, as: longer)
  }
  if let more {
    expectSame("further arguments change nothing", values, Array(more.prefix(values.count)))
  }
  let fewer = require("arguments may be left out") { () throws(CandidError) in
    try CandidBinary.decode(message, as: shorter)
  }
  if let fewer { expectSame("fewer arguments change nothing", values.dropLast(), fewer) }
}
