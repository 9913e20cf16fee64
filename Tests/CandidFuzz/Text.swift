/// The parser of values and types: a `Request` whose content is an argument list as text. What is
/// read without types is tried as one type and as a list of types too.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzText(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let request = Request(bytes(start, count)) else { return 0 }
  if let signature = request.signature {
    guard let values = try? CandidText.parseArguments(request.content, as: signature) else {
      return 0
    }
    checkRoundTrips(values, as: signature)
    return 0
  }
  let source = String(decoding: request.content, as: UTF8.self)
  if let values = try? CandidText.parseArguments(source) { checkUntyped(values) }
  if let type = try? CandidText.parseType(source) { check(type) }
  if let types = try? CandidText.parseTypes(source) {
    types.forEach(check)
    // Whatever is read as types may be refused here, but not crash.
    _ = try? CandidSignature(types)
  }
  return 0
}

private func checkUntyped(_ values: [CandidValue]) {
  for text in [
    CandidText.print(values), String(decoding: CandidText.printCompact(values), as: UTF8.self),
  ] {
    let parsed = require("printed values are read") { () throws(CandidError) in
      try CandidText.parseArguments(text)
    }
    if let parsed { expectSame("text gives back untyped values", values, parsed) }
  }
  // Elements of different types may have no common one, or have that of the first: a null is then
  // an absent value, and a natural number an integer.
  let types = values.map(\.inferredType)
  let message = require("parsed values are encoded", tolerating: .typeMismatch) {
    () throws(CandidError) in try CandidBinary.encode(values, as: types)
  }
  guard let message else { return }
  let decoded = require("encoded values are decoded") { () throws(CandidError) in
    try CandidBinary.decode(message, as: types)
  }
  guard let decoded else { return }
  let again = require("decoded values are encoded") { () throws(CandidError) in
    try CandidBinary.encode(decoded, as: types)
  }
  if let again, again != message {
    violated("binary gives back parsed values", "\(values)\n\(decoded)")
  }
}

private func check(_ type: CandidType) {
  let text = type.description
  let parsed = require("a printed type is read") { () throws(CandidError) in
    try CandidText.parseType(text)
  }
  guard let parsed else { return }
  if parsed != type || parsed.description != text {
    violated("text gives back types", "\(text)\n\(parsed)")
  }
}
