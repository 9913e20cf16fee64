import Cluster
import Foundation
import Gateway
import HTTPTransport
import ScaledStorage
import Testing
import WireProtocol

/// A cluster of one node in which callers need roles: `reader`, `writer` and `admin` have tokens,
/// or certificates.
final class RestrictedCluster {
  /// Who asks.
  enum Asker: String, CaseIterable {
    case nobody, reader, writer, admin, cluster

    static let named: [Asker] = [.reader, .writer, .admin]

    var role: Role {
      switch self {
      case .nobody: .none
      case .reader: .read
      case .writer: .write
      case .admin: .admin
      case .cluster: .cluster
      }
    }
  }

  let cluster: InProcessCluster
  private let authority: TestAuthority?
  private var clients: [Asker: HTTPClient] = [:]
  let node: SocketAddress
  var gateway: SocketAddress { cluster.address }

  static func token(_ asker: Asker) -> String { "sst-\(asker.rawValue)-0123456789abcdef0123456789" }

  static func list(_ askers: [Asker] = Asker.named) throws -> AccessList {
    try AccessList(
      askers.map { asker in
        let digest = SHA256.hexadecimal(SHA256.digest(Array(token(asker).utf8)))
        return "\(asker.rawValue) \(asker.role.rawValue) sha256:\(digest)"
      }.joined(separator: "\n"))
  }

  /// - Parameter byCertificate: whether certificates, rather than tokens, tell who asks.
  init(
    _ application: Application = .builtIn, byCertificate: Bool = false,
    forward: ForwardMode = .return, rules given: AccessControl.Rules? = nil,
    audit: AuditLog = AuditLog()
  ) throws {
    var rules = AccessControl.Rules()
    rules.anonymous = .none
    var tls: TLSContext?
    if byCertificate {
      let authority = try TestAuthority(clients: Asker.named.map(\.rawValue) + ["stranger"])
      let lines = try Asker.named.map { asker in
        "\(asker.rawValue) \(asker.role.rawValue) "
          + "certificate:\(try authority.digest(of: asker.rawValue))"
      }
      rules.list = try AccessList(lines.joined(separator: "\n"))
      tls = try TLSContext(authority.files(of: "server"))
      self.authority = authority
    } else {
      rules.list = try RestrictedCluster.list()
      authority = nil
    }
    cluster = try InProcessCluster(
      application, forward: forward, rules: given ?? rules, tls: tls, audit: audit)
    cluster.settle(1)
    let id = try #require(cluster.coordinator.map.members.first)
    let runtime = try #require(cluster.launcher.runtime(id))
    node = try SocketAddress(runtime.address)
    if let authority {
      for asker in Asker.allCases {
        // A certificate of the authority that no line names gives no role.
        let name: String? =
          switch asker {
          case .nobody: "stranger"
          case .cluster: "server"
          default: asker.rawValue
          }
        clients[asker] = HTTPClient(
          loop: cluster.loop, tls: try TLSContext(authority.files(of: name)))
      }
    }
  }

  /// What an asker shows in its requests.
  func headers(_ asker: Asker) -> [(name: String, value: String)] {
    switch asker {
    case .nobody: []
    case .cluster: [("authorization", cluster.launcher.credential.headerValue)]
    default:
      authority == nil ? [("authorization", "Bearer " + RestrictedCluster.token(asker))] : []
    }
  }

  func send(
    _ method: HTTPMethod, _ target: String, _ body: String = "", as asker: Asker = .nobody,
    _ headers: [(name: String, value: String)] = [], to server: SocketAddress? = nil
  ) throws -> ClientResponse {
    let request = ClientRequest(
      method: method, target: target, headers: self.headers(asker) + headers,
      body: Array(body.utf8))
    return try (clients[asker] ?? cluster.client).sendAndWait(
      request, to: server ?? gateway, deadline: .seconds(20))
  }
}

extension ClientResponse {
  var text: String { String(decoding: body, as: UTF8.self) }
}
