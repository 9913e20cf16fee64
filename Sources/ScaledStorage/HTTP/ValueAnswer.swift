import Cluster
import HTTPTransport
import WireProtocol

/// What a request for `/kv/KEY` is answered.
enum ValueAnswer {
  /// A value, written straight to its exchange.
  static func found(
    _ version: Version, _ value: UnsafeRawBufferPointer, to exchange: Exchange
  ) {
    exchange.status = 200
    exchange.setHeader("content-type", static: "application/octet-stream")
    exchange.setHeader("etag", quoted: version.rawValue)
    exchange.appendBody(value)
  }

  /// What a PUT did, written straight to its exchange.
  static func stored(_ version: Version, created: Bool, to exchange: Exchange) {
    exchange.status = created ? 201 : 200
    exchange.setHeader("etag", quoted: version.rawValue)
  }

  /// - Throws: `Problem` 404 and 412.
  static func make(
    _ reply: KeyReply, _ values: StoredRepresentation, to exchange: Exchange
  ) throws(Problem) -> Answer {
    switch reply {
    case .value(let record):
      let tag = EntityTag.text(record.version)
      var answer = try values.shown(record.value ?? [], accept: exchange.header("accept"))
      let ifNoneMatch = exchange.header("if-none-match")
      if let ifNoneMatch, EntityTag.list(ifNoneMatch, has: tag) { answer = Answer(status: 304) }
      answer.headers.append(("etag", tag))
      return answer
    case .stored(let version, let created):
      var answer = Answer(status: created ? 201 : 200)
      answer.headers.append(("etag", EntityTag.text(version)))
      return answer
    case .deleted:
      return Answer(status: 204)
    case .preconditionFailed(let current):
      let tag = current.map { EntityTag.text($0) }
      var problem = Problem(
        412, "precondition_failed",
        tag.map { "the version is \($0); nothing was changed" }
          ?? "there is no value under this key; nothing was changed")
      problem.entityTag = tag
      throw problem
    case .missing:
      throw Problem(404, "not_found", "there is no value under this key")
    case .applied, .elsewhere, .refused:
      throw Problem(500, "unexpected_reply", "the node gave no answer that a value can have")
    }
  }
}
