import ArgumentParser

/// Calls of a method, instead of reads and writes of values.
struct LoadCallOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Call this method with a key and a blob of --value-bytes, or with --arguments. The keys' \
      numbers are filled up with zeros to one length.
      """, valueName: "method"))
  var call: String?

  @Option(
    help: ArgumentHelp(
      "The arguments of a call as Candid text, with {key} within the text or blob of the key.",
      valueName: "candid"))
  var arguments: String?

  @Flag(
    help: "Call this one server only, by lean connections: forward responses count as failures.")
  var plain = false

  func validate() throws {
    guard call != nil || arguments == nil else {
      throw ValidationError("--arguments are those of a call: name its method with --call")
    }
    guard call != nil || !plain else {
      throw ValidationError(
        "--plain is for --call; for values give the URL a path with {key}, such as "
          + "http://127.0.0.1:8080/kv/{key}")
    }
  }

  func apply(to plan: inout BenchPlan) throws(CommandFailure) {
    guard let call else { return }
    plan.readRatio = 0
    plan.keyDigits = String(plan.keys - 1).utf8.count
    plan.headers.append(("content-type", "application/candid"))
    plan.call =
      if let arguments {
        try BenchCall(call, arguments: arguments, key: plan.keyPrefix, digits: plan.keyDigits)
      } else {
        try BenchCall(call, key: plan.keyPrefix, digits: plan.keyDigits, payload: plan.values)
      }
  }
}
