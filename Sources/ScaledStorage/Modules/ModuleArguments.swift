import Candid
import Cluster
package import WireProtocol

/// The arguments of a call as the module wants them, and the key in them.
package struct ModuleArguments {
  /// Binary Candid.
  package let message: [UInt8]
  /// Nil for a method without a key.
  package let key: [UInt8]?
}

extension ModuleInterface.Method {
  /// What Candid writes for no arguments.
  static let noArguments: [UInt8] = Array("DIDL".utf8) + [0, 0]

  /// Reads a call's arguments far enough to know where it belongs.
  /// - Throws: `Problem` 400 for arguments that cannot be read or have no sound key.
  package func read(
    _ body: [UInt8], _ representation: Representation
  ) throws(Problem) -> ModuleArguments {
    let values: [CandidValue]
    let message: [UInt8]
    do throws(CandidError) {
      switch representation {
      case .candid:
        message = body
        if case .none = key { return ModuleArguments(message: body, key: nil) }
        values = try decode(body, as: parameters)
      case .text:
        guard let parameters else {
          values = try CandidText.parseArguments(String(decoding: body, as: UTF8.self))
          message = try CandidBinary.encode(values)
          break
        }
        values = try CandidText.parseArguments(body, as: parameters)
        message = try CandidBinary.encode(values, as: parameters)
      case .json:
        guard let parameters else {
          throw CandidError(
            .typeMismatch, "the module tells no types for JSON; send text/candid")
        }
        values = try CandidJSON.readArguments(body, as: parameters)
        message = try CandidBinary.encode(values, as: parameters)
      }
    } catch {
      throw Problem(
        400, "bad_arguments", "the arguments of \(name) cannot be read: \(error.description)")
    }
    return ModuleArguments(message: message, key: try key(in: values))
  }

  /// Reads a message at the types that are known, else at those that it states.
  private func decode(
    _ message: [UInt8], as signature: CandidSignature?
  ) throws(CandidError) -> [CandidValue] {
    guard let signature else { return try CandidBinary.decode(message) }
    return try CandidBinary.decode(message, as: signature)
  }

  private func key(in values: [CandidValue]) throws(Problem) -> [UInt8]? {
    let index: Int
    switch key {
    case .none: return nil
    case .firstIfAny: index = 0
    case .argument(let argument): index = argument
    }
    let bytes: [UInt8]
    switch index < values.count ? values[index] : nil {
    case .text(let text)?:
      bytes = Array(text.utf8)
    case .blob(let blob)?:
      bytes = blob
    default:
      if case .firstIfAny = key { return nil }
      throw Problem(
        400, "bad_arguments",
        "the key of \(name) is its argument \(index + 1), as text or blob, which is missing")
    }
    guard (1...KeyTarget.maximumKeyBytes).contains(bytes.count) else {
      throw Problem(
        400, "bad_key",
        "the key has \(bytes.count) bytes; a key has 1 to \(KeyTarget.maximumKeyBytes) bytes")
    }
    return bytes
  }

  /// Writes a module's reply as its caller wants it.
  /// - Throws: `Problem` 500 for a reply that is no Candid of the method's types.
  func body(_ reply: [UInt8], _ representation: Representation) throws(Problem) -> [UInt8] {
    guard representation != .candid else { return reply }
    do throws(CandidError) {
      let values = try decode(reply, as: results)
      switch representation {
      case .candid: return reply
      case .text: return CandidText.printCompact(values) + [0x0a]
      case .json: return CandidJSON.writeResults(values) + [0x0a]
      }
    } catch {
      throw Problem(
        500, "module_bad_reply",
        "the reply of \(name) is no Candid of its types: \(error.description)")
    }
  }

  /// The method for a program that only passes calls on.
  package var routed: KeyedMethod {
    KeyedMethod(
      name: name, isQuery: isQuery, isKeyed: !isKeyless, takesNothing: takesNothing,
      read: { (body, representation, _) throws(Problem) in
        let arguments = try read(body, representation)
        // What has no key goes to one node, whichever method it is: its memory lives there.
        return KeyedCall(
          key: arguments.key ?? [], command: isQuery ? .get : .apply { _ in .keep }
        ) { (_, _, _) throws(Problem) in
          throw Problem(500, "unexpected_reply", "\(name) runs at nodes only")
        }
      },
      types: { _ in
        CandidFunction(parameters?.types ?? [], results?.types ?? [], isQuery ? [.query] : [])
      })
  }
}
