import Candid
import HTTPTransport

/// A method that a measurement calls, and its arguments in binary Candid, laid out once: of a
/// request only the key's number and the payload's length are written anew.
struct BenchCall: Sendable {
  let method: String
  let body: LoadBody
  /// Whether the payload's length is the measurement's to choose.
  let hasPayload: Bool

  static let keyMark = "{key}"

  /// Calls with two arguments: the key as text, and a payload, the first bytes of `payload`.
  /// - Parameter digits: how many of the key's number, which stands behind `prefix`.
  /// - Throws: `CommandFailure` when `method` cannot be a method's name.
  init(_ method: String, key prefix: String, digits: Int, payload: [UInt8]) throws(CommandFailure) {
    self.method = try BenchCall.checked(method)
    hasPayload = true
    let key = prefix + BenchCall.number("0", digits)
    do throws(CandidError) {
      // A message without payload ends with its length, which each request tells itself.
      let message = try CandidArguments.encode(key, [UInt8]()).dropLast()
      body = LoadBody(
        head: Array(message), digits: message.count - digits..<message.count, tellsLength: true,
        rest: payload)
    } catch {
      throw CommandFailure("the arguments cannot be written: \(error.message)")
    }
  }

  /// Calls with these arguments, in Candid's text format, in which `{key}` stands for the key.
  /// - Throws: `CommandFailure` when they are no arguments, or the key stands twice or where its
  ///   number would change more than its digits.
  init(
    _ method: String, arguments: String, key prefix: String, digits: Int
  ) throws(CommandFailure) {
    self.method = try BenchCall.checked(method)
    hasPayload = false
    let marks = arguments.ranges(of: BenchCall.keyMark).count
    guard marks <= 1 else { throw CommandFailure("the arguments hold {key} more than once") }
    // What differs between two keys without a digit in common are the digits.
    let low = try BenchCall.message(arguments, prefix + BenchCall.number("0", digits))
    let high = try BenchCall.message(arguments, prefix + BenchCall.number("9", digits))
    let differing = zip(low, high).enumerated().filter { $1.0 != $1.1 }.map(\.offset)
    let start = differing.first ?? 0
    let place = start..<start + (marks == 0 ? 0 : digits)
    guard low.count == high.count, differing == Array(place),
      low[place].allSatisfy({ $0 == UInt8(ascii: "0") })
    else {
      throw CommandFailure(
        "{key} has to stand within a text or blob of the arguments: write it as '(\"{key}\", …)'")
    }
    body = LoadBody(head: low, digits: place, tellsLength: false, rest: [])
  }

  private static func checked(_ method: String) throws(CommandFailure) -> String {
    guard !method.isEmpty, method.utf8.count <= 200,
      method.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"/?#%".utf8.contains($0) })
    else { throw CommandFailure("\"\(method)\" cannot be a method's name") }
    return method
  }

  private static func number(_ digit: Character, _ count: Int) -> String {
    String(repeating: digit, count: count)
  }

  private static func message(_ arguments: String, _ key: String) throws(CommandFailure) -> [UInt8]
  {
    let quoted = key.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    do throws(CandidError) {
      return try CandidBinary.encode(
        CandidText.parseArguments(arguments.replacing(keyMark, with: quoted)))
    } catch {
      throw CommandFailure("the arguments are no Candid text: \(error.message)")
    }
  }
}
