import Cluster

/// What a request for `/kv/KEY` is answered.
enum ValueAnswer {
  /// - Throws: `Problem` 404 and 412.
  static func make(_ reply: KeyReply, ifNoneMatch: String?) throws(Problem) -> Answer {
    switch reply {
    case .value(let record):
      let tag = EntityTag.text(record.version)
      var answer = Answer(
        status: 200, contentType: "application/octet-stream", body: record.value ?? [])
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
