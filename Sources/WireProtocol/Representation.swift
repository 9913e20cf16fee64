package import Candid
package import HTTPTransport

/// How Candid values travel in a body.
package enum Representation: Hashable, Sendable {
  /// `application/candid`: binary.
  case candid
  /// `text/candid`: Candid's text format.
  case text
  /// `application/json`.
  case json

  package var contentType: StaticString {
    switch self {
    case .candid: "application/candid"
    case .text: "text/candid"
    case .json: "application/json"
    }
  }

  /// The representation of a request's body.
  ///
  /// What curl's `-d` labels `application/x-www-form-urlencoded` is Candid text, as is a body
  /// without a label.
  /// - Throws: `Problem` 415 for a content type that is none of ours.
  package static func ofRequest(contentType: String?) throws(Problem) -> Representation {
    guard let contentType else { return .text }
    if let known = exactly(contentType) { return known }
    switch MediaRange(contentType)?.name {
    case "application/candid": return .candid
    case "text/candid", "application/x-www-form-urlencoded", "text/plain": return .text
    case "application/json": return .json
    default:
      throw Problem(
        415, "unsupported_content_type",
        "the content type \"\(contentType.prefix(100))\" is unknown here; "
          + "send application/candid, text/candid or application/json")
    }
  }

  /// The representation of an answer (RFC 9110 section 12.5.1).
  /// - Throws: `Problem` 406 when the client accepts none of ours.
  package static func ofAnswer(
    accept: String?, fallback: Representation, strict: Bool = true
  ) throws(Problem) -> Representation {
    guard let accept, accept != "*/*" else { return fallback }
    if let known = exactly(accept) { return known }
    let ranges = accept.split(separator: ",").prefix(32).compactMap { MediaRange($0) }
    // A wildcard does not bring back what is refused by its name.
    let refused = ranges.filter { $0.quality <= 0 }.compactMap(\.representation)
    var best: (representation: Representation, quality: Double)?
    for range in ranges where range.quality > 0 {
      guard let candidate = range.candidates(fallback).first(where: { !refused.contains($0) })
      else {
        continue
      }
      if best.map({ range.quality > $0.quality }) ?? true { best = (candidate, range.quality) }
    }
    guard let best else {
      // Values are bytes of any type: only errors and forward responses need a representation.
      if !strict { return fallback }
      throw Problem(
        406, "not_acceptable",
        "none of the accepted types can be given; "
          + "accept application/candid, text/candid or application/json")
    }
    return best.representation
  }

  /// What nearly all programs send, which need not be taken apart.
  private static func exactly(_ mediaType: String) -> Representation? {
    switch mediaType {
    case "application/candid": .candid
    case "application/json": .json
    case "text/candid": .text
    default: nil
    }
  }

  /// How a request that could not be served is told so: as it asked for, in the representation of
  /// its own body, else in JSON.
  package static func ofProblem(for exchange: Exchange) -> Representation {
    var fallback = Representation.json
    if exchange.method == .post, let contentType = exchange.header("content-type"),
      let given = try? ofRequest(contentType: contentType)
    {
      fallback = given
    }
    return (try? ofAnswer(accept: exchange.header("accept"), fallback: fallback)) ?? .json
  }

  // MARK: - Values

  /// Reads a method's arguments.
  /// - Throws: `Problem` 400 that tells what is wrong and where.
  package func arguments<each Argument: CandidConvertible>(
    _ body: [UInt8], as types: repeat (each Argument).Type
  ) throws(Problem) -> (repeat each Argument) {
    do throws(CandidError) {
      let values: [CandidValue]
      switch self {
      case .candid: return try CandidArguments.decode(body, as: repeat each types)
      case .text:
        values = try CandidText.parseArguments(
          body, as: CandidArguments.signature(of: repeat each types))
      case .json:
        values = try CandidJSON.readArguments(
          body, as: CandidArguments.signature(of: repeat each types))
      }
      return try CandidArguments.convert(values, to: repeat each types)
    } catch {
      throw Problem(400, "bad_arguments", "the arguments cannot be read: \(error.description)")
    }
  }

  /// The same, with the first argument apart from the others.
  package func arguments<First: CandidConvertible, each Argument: CandidConvertible>(
    _ body: [UInt8], first: First.Type, rest: repeat (each Argument).Type
  ) throws(Problem) -> (first: First, rest: (repeat each Argument)) {
    do throws(CandidError) {
      var message = body
      if self != .candid {
        let signature = try CandidArguments.signature(of: first, repeat each rest)
        let values =
          self == .text
          ? try CandidText.parseArguments(body, as: signature)
          : try CandidJSON.readArguments(body, as: signature)
        message = try CandidBinary.encode(values, as: signature)
      }
      return try CandidArguments.decode(message, first: first, rest: repeat each rest)
    } catch {
      throw Problem(400, "bad_arguments", "the arguments cannot be read: \(error.description)")
    }
  }

  /// Writes a method's results, or any other values.
  /// - Throws: `Problem` 500 for values that their types cannot hold.
  package func body<each Result: CandidConvertible>(
    _ results: repeat each Result
  ) throws(Problem) -> [UInt8] {
    do throws(CandidError) {
      switch self {
      case .candid: return try CandidArguments.encode(repeat each results)
      case .text:
        return CandidText.printCompact(try CandidArguments.values(of: repeat each results)) + [0x0a]
      case .json:
        return CandidJSON.writeResults(try CandidArguments.values(of: repeat each results)) + [0x0a]
      }
    } catch {
      throw Problem(
        500, "result_not_representable", "the result cannot be written: \(error.description)")
    }
  }
}

/// One element of an `accept` header, or a content type.
private struct MediaRange {
  let name: String
  var quality = 1.0

  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ";")
    guard let first = parts.first else { return nil }
    name = first.trimmed.lowercased()
    for parameter in parts.dropFirst() {
      let pair = parameter.split(separator: "=", maxSplits: 1)
      if pair.count == 2, pair[0].trimmed.lowercased() == "q" {
        quality = Double(pair[1].trimmed) ?? 0
      }
    }
  }

  /// What the range names exactly.
  var representation: Representation? {
    switch name {
    case "application/candid": .candid
    case "text/candid": .text
    case "application/json", "application/problem+json": .json
    default: nil
    }
  }

  /// What the range allows, the best first.
  func candidates(_ fallback: Representation) -> [Representation] {
    switch name {
    case "*/*": [fallback, .json, .text, .candid]
    case "application/*": fallback == .candid ? [.candid, .json] : [.json, .candid]
    case "text/*": [.text]
    default: representation.map { [$0] } ?? []
    }
  }
}
