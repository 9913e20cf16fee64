import Candid
import Cluster
import Gateway
import HTTPTransport
import ScaledStorage
import Testing
import WireProtocol

/// What somebody may try who has no role, or too low a one.
@Suite(.timeLimit(.minutes(2)))
struct AccessAttackTests {
  private static let key = "/kv/kept"
  private typealias Asker = RestrictedCluster.Asker

  /// A service whose methods tell who calls.
  private static var telling: Application {
    var service = CanisterManager<Int>(
      id: .canister(number: 100), shouldScaleUp: { _ in false })
    service.query("who") { (context, key: String) in
      "\(context.request.callerName) \(context.request.callerRole.rawValue)"
    }
    service.update("who_writes") { (context, key: String) in
      "\(context.request.callerName) \(context.request.callerRole.rawValue)"
    }
    return service.application
  }

  private static let claims: [[(name: String, value: String)]] = [
    [("ss-caller", "root admin")],
    [("ss-caller", "root cluster"), ("ss-credential", "Bearer 0123456789abcdef0123456789abcdef")],
    [("ss-caller", "root admin"), ("ss-credential", "")],
    [("ss-credential", "Bearer x"), ("ss-caller", "cluster cluster"), ("ss-caller", "root admin")],
  ]

  @Test("Nobody is believed who claims to be another", arguments: [ForwardMode.return, .proxy])
  func claims(forward: ForwardMode) throws {
    let restricted = try RestrictedCluster(forward: forward)
    for claim in AccessAttackTests.claims {
      for server in [restricted.gateway, restricted.node] {
        let put = try restricted.send(.put, Self.key, "x", as: .nobody, claim, to: server)
        #expect(put.status == 401, "\(put.text)")
        let asReader = try restricted.send(.put, Self.key, "x", as: .reader, claim, to: server)
        #expect(asReader.status == 403)
        #expect(asReader.header("ss-error") == "role_too_low")
      }
    }
    #expect(try restricted.send(.get, Self.key, as: .reader, to: restricted.node).status == 404)
  }

  @Test("A node is told by the gateway who asks, whatever the client says of that")
  func whatIsPassedOn() throws {
    let restricted = try RestrictedCluster(forward: .proxy)
    for claim in AccessAttackTests.claims + [[]] {
      let put = try restricted.send(.put, Self.key, "x", as: .writer, claim)
      #expect([200, 201].contains(put.status), "\(put.text)")
      #expect(put.header("ss-node") != nil)
      #expect(try restricted.send(.get, Self.key, as: .reader, claim).text == "x")
    }
  }

  @Test(
    "The methods of a service are told who calls, through a gateway as well",
    arguments: [ForwardMode.return, .proxy])
  func callersOfMethods(forward: ForwardMode) throws {
    let restricted = try RestrictedCluster(AccessAttackTests.telling, forward: forward)
    let form = (name: "content-type", value: "application/json")
    for asker in Asker.named {
      let server = forward == .proxy ? restricted.gateway : restricted.node
      for claim in AccessAttackTests.claims + [[]] {
        let answer = try restricted.send(
          .post, "/who", "[\"key\"]", as: asker, [form] + claim, to: server)
        #expect(
          answer.text.hasPrefix("\"\(asker.rawValue) \(asker.role.rawValue)\""), "\(answer.text)")
      }
      let update = try restricted.send(
        .post, "/who_writes", "[\"key\"]", as: asker, [form], to: server)
      #expect(update.status == (asker == .reader ? 403 : 200))
    }
  }

  @Test("A request is not held for the cluster's because one before it on its connection was")
  func trustOfConnections() throws {
    let restricted = try RestrictedCluster()
    let credential = restricted.cluster.launcher.credential.headerValue
    let own = [
      (name: "ss-caller", value: "operator write"), (name: "ss-credential", value: credential),
    ]
    for server in [restricted.gateway, restricted.node] {
      // One client has one connection for all of these.
      #expect(try restricted.send(.get, "/kv/no", as: .nobody, own, to: server).status != 401)
      #expect(try restricted.send(.get, "/kv/no", as: .cluster, to: server).status != 401)
      let next = try restricted.send(.get, "/kv/no", as: .nobody, [own[0]], to: server)
      #expect(next.status == 401)
    }
  }

  @Test("authorization that comes twice is refused, in whatever order")
  func duplicates() throws {
    let restricted = try RestrictedCluster()
    let header = { (asker: Asker) in restricted.headers(asker)[0] }
    for pair in [[header(.admin), header(.reader)], [header(.reader), header(.admin)]] {
      for server in [restricted.gateway, restricted.node] {
        let answer = try restricted.send(.put, Self.key, "x", as: .nobody, pair, to: server)
        #expect(answer.status == 400)
        #expect(answer.header("ss-error") == "bad_header")
      }
    }
  }

  @Test(
    "The scheme's case does not matter, and nothing but the whole token does",
    arguments: [
      ("bearer TOKEN", 404), ("BEARER TOKEN", 404), ("Bearer   TOKEN", 404),
      ("TOKEN", 403), ("Basic TOKEN", 403), ("Bearer", 403), ("Bearer TOKENx", 403),
      ("Bearer xTOKEN", 403), ("Bearer TOKEN TOKEN", 403), ("Bearer TOKEN,TOKEN", 403),
      ("BearerTOKEN", 403), ("", 403),
    ])
  func schemes(form: String, status: Int) throws {
    let restricted = try RestrictedCluster()
    let value = form.split(separator: "TOKEN", omittingEmptySubsequences: false)
      .joined(separator: RestrictedCluster.token(.reader))
    let answer = try restricted.send(
      .get, Self.key, as: .nobody, [("authorization", value)], to: restricted.node)
    #expect(answer.status == status, "\(answer.text)")
  }

  @Test("Tokens are taken from the field only, and long ones are no token")
  func otherPlaces() throws {
    let restricted = try RestrictedCluster()
    let token = RestrictedCluster.token(.admin)
    for target in ["/kv/kept?access_token=\(token)", "/kv/kept?token=\(token)"] {
      #expect(try restricted.send(.get, target, to: restricted.node).status == 401)
    }
    for (name, value) in [("cookie", "token=\(token)"), ("proxy-authorization", "Bearer \(token)")]
    {
      #expect(
        try restricted.send(.get, Self.key, as: .nobody, [(name, value)], to: restricted.node)
          .status == 401)
    }
    let long = "Bearer " + String(repeating: "x", count: 8_000)
    let answer = try restricted.send(
      .get, Self.key, as: .nobody, [("authorization", long)], to: restricted.node)
    #expect(answer.status == 403)
  }

  @Test("The credential over TLS needs the certificate that goes with it")
  func credentialWithoutCertificate() throws {
    let restricted = try RestrictedCluster(byCertificate: true)
    let credential = restricted.headers(.cluster)
    let whoami = try restricted.send(.get, "/whoami", as: .reader)
    #expect(
      whoami.text == "{\"name\":\"reader\",\"role\":\"read\"}\n" || whoami.text.contains("reader"))
    // A certificate of the authority is one, whosever it is.
    let stranger = try restricted.send(.get, "/cluster_map", as: .nobody, credential)
    #expect(stranger.status == 200)
    #expect(try restricted.send(.get, Self.key, as: .nobody, to: restricted.node).status == 401)
  }

  @Test("An unknown token where everybody may read and write is left to the service")
  func tokensOfTheService() throws {
    var rules = AccessControl.Rules()
    rules.list = try RestrictedCluster.list()
    rules.anonymous = .write
    let restricted = try RestrictedCluster(rules: rules)
    let own = [(name: "authorization", value: "Bearer users-own-token-0123456789")]
    #expect(
      try restricted.send(.put, Self.key, "x", as: .nobody, own, to: restricted.node).status == 201)
    let scale = try restricted.send(.post, "/scale", "()", as: .nobody, own)
    #expect(scale.status == 403)
    #expect(scale.header("ss-error") == "credential_refused")
  }

  @Test("A token that was taken away is of no use any more, on open connections neither")
  func removal() throws {
    let restricted = try RestrictedCluster()
    #expect(try restricted.send(.get, Self.key, as: .reader, to: restricted.node).status == 404)
    let id = try #require(restricted.cluster.coordinator.map.members.first)
    let runtime = try #require(restricted.cluster.launcher.runtime(id))
    runtime.access.replace(list: try RestrictedCluster.list([.writer]))
    #expect(try restricted.send(.get, Self.key, as: .reader, to: restricted.node).status == 403)
    #expect(try restricted.send(.get, Self.key, as: .writer, to: restricted.node).status == 404)
  }

  @Test(
    "Tokens are not guessed at any rate, and who has one is not kept out",
    arguments: [Role.none, .read], ["/kv/kept", "/whoami"])
  func guessing(anonymous: Role, target: String) throws {
    var rules = AccessControl.Rules()
    rules.list = try RestrictedCluster.list()
    rules.anonymous = anonymous
    rules.limits.anonymous = 1
    let restricted = try RestrictedCluster(rules: rules)
    for server in [restricted.gateway, restricted.node] {
      var number = 0
      var status = 0
      // A slow machine may need more than two tries.
      while status != 429, number < 1_000 {
        number += 1
        let guess = [(name: "authorization", value: "Bearer token-that-nobody-knows-\(number)")]
        status = try restricted.send(.get, target, as: .nobody, guess, to: server).status
      }
      #expect(status == 429)
      let known = try restricted.send(.get, target, as: .reader, to: server)
      #expect([200, 307, 404].contains(known.status))
    }
  }

  @Test("Who tries what needs a role that it has not is kept to its rate as well")
  func refusedTries() throws {
    var rules = AccessControl.Rules()
    rules.list = try RestrictedCluster.list()
    rules.anonymous = .none
    rules.limits.anonymous = 1
    rules.limits.read = 1
    let restricted = try RestrictedCluster(rules: rules)
    for asker in [Asker.nobody, .reader] {
      var seen: Set<Int> = []
      for _ in 0..<1_000 where !seen.contains(429) {
        seen.insert(try restricted.send(.post, "/scale", "()", as: asker).status)
      }
      #expect(seen == [asker == .nobody ? 401 : 403, 429])
    }
  }

  @Test("Callers are kept to their rate, by name or by where they come from")
  func rates() throws {
    var rules = AccessControl.Rules()
    rules.list = try RestrictedCluster.list()
    rules.anonymous = .read
    rules.limits.read = 1
    rules.limits.anonymous = 1
    let restricted = try RestrictedCluster(rules: rules)
    let ask = { (asker: Asker, headers: [(name: String, value: String)]) in
      try restricted.send(.get, Self.key, as: asker, headers, to: restricted.node)
    }
    // The second of two within a second is one too many; a slow machine may need another try.
    func isLimited(_ ask: () throws -> ClientResponse) throws -> Bool {
      for _ in 0..<1_000 {
        let answer = try ask()
        guard answer.status == 429 else { continue }
        #expect(answer.header("ss-error") == "rate_limited")
        #expect(answer.header("retry-after") == "1")
        return true
      }
      return false
    }
    #expect(try isLimited { try ask(.reader, []) })
    // Other tokens are no other callers.
    var number = 0
    #expect(
      try isLimited {
        number += 1
        return try ask(.nobody, [("authorization", "Bearer token-that-nobody-knows-\(number)")])
      })
    for _ in 0..<20 { #expect(try ask(.writer, []).status == 404) }
    for _ in 0..<20 {
      #expect(try restricted.send(.get, "/node_info", to: restricted.node).status == 200)
    }
  }
}
