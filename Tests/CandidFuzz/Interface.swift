/// The parser of `.did` files.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzInterface(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let interface = try? CandidInterface(parsing: bytes(start, count)) else { return 0 }
  if let service = interface.service { checkSubtype(service, interface) }
  for (name, type) in interface.environment.definitions {
    checkSubtype(.named(name), interface)
    let parsed = require("a printed definition is read") { () throws(CandidError) in
      try CandidText.parseType(type.description)
    }
    if let parsed, parsed != type || parsed.description != type.description {
      violated("text gives back definitions", "\(type)\n\(parsed)")
    }
  }
  checkMethods(interface)
  checkPrinted(interface)
  return 0
}

private func checkSubtype(_ type: CandidType, _ interface: CandidInterface) {
  let holds = require("a type that was accepted is compared") { () throws(CandidError) in
    try type.isSubtype(of: type, in: interface.environment)
  }
  if holds == false { violated("a type is a subtype of itself", "\(type)") }
}

private func checkMethods(_ interface: CandidInterface) {
  guard let service = interface.service,
    case .service(let methods) = try? interface.environment.resolve(service)
  else { return }
  for method in methods {
    guard let function = interface.method(method.name) else {
      violated("each method of the service is found", method.name)
    }
    _ = require("a method's types make a signature") { () throws(CandidError) in
      try CandidSignature(
        function.parameters + function.results + (interface.initArguments ?? []),
        in: interface.environment)
    }
  }
}

private func checkPrinted(_ interface: CandidInterface) {
  let text = interface.description
  let again = require("a printed interface is read") { () throws(CandidError) in
    try CandidInterface(parsing: text)
  }
  guard let again else { return }
  if again.environment.definitions != interface.environment.definitions
    || again.service != interface.service || again.initArguments != interface.initArguments
    || again.description != text
  {
    violated("text gives back interfaces", "\(text)\n\(again.description)")
  }
  guard interface.service != nil else { return }
  let problems = require("an interface is compared with itself") { () throws(CandidError) in
    try again.upgradeProblems(from: interface)
  }
  if let problems, !problems.isEmpty {
    violated("an interface can replace itself", problems.joined(separator: "\n"))
  }
}
