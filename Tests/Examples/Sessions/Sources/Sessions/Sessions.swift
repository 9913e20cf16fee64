import ScaledStorage

/// Sessions that end when they have not been used for half an hour, and whose state two requests at
/// a time cannot overwrite for each other.
///
/// - Parameter token: what callers have to present as `authorization: Bearer TOKEN`.
public func makeSessions(token: String) -> CanisterManager<Session> {
  var app = CanisterManager<Session>(shouldScaleUp: { size in size > 100_000 })

  app.use { request in
    guard request.bearerToken == token else {
      throw CallError.unauthenticated("present the token: authorization: Bearer TOKEN")
    }
    // Past the methods a session would be changed without a look at its version.
    guard request.method != nil else { throw CallError.forbidden("use the methods") }
  }

  app.update("open") { (context, id: String, user: String) in
    try context.withUpsertData(id, expiry: .after(lifetime)) { session in
      guard session == nil else { throw CallError.conflict("the session is open already") }
      session = Session(user: user, state: "")
    }
  }

  app.query("look") { (context, id: String) in
    try context.withData(id) { session in
      session.map {
        View(
          session: $0, version: context.version ?? 0,
          remaining: (context.expiresAt ?? context.now) - min(context.now, context.expiresAt ?? 0))
      }
    }
  }

  // Compare and swap: who has read an older version is told so, and nothing is changed.
  app.update("save") { (context, id: String, version: UInt64, state: String) in
    try context.withUpsertData(id, expiry: .after(lifetime)) { session in
      guard session != nil else { throw CallError.notFound("the session has ended") }
      guard context.version == version else {
        throw CallError.preconditionFailed("the session has changed; look at it again")
      }
      session?.state = state
    }
  }

  app.update("close") { (context, id: String) in
    try context.withUpsertData(id) { session in session = nil }
  }

  return app
}

private let lifetime = Duration.seconds(1_800)
