import Foundation
import HTTPTransport
import ScaledStorage
import Testing

/// An authority with a certificate of the cluster's own, and others by name, in a directory of its
/// own.
final class TestAuthority {
  private let directory = FileManager.default.temporaryDirectory
    .appendingPathComponent("scaled-storage-\(UUID().uuidString)-access")

  /// - Parameter clients: whose certificates there are besides the cluster's.
  init(clients: [String]) throws {
    for name in clients + ["server"] {
      let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("deploy/dev-ca")
      let process = try ProcessWatcher.spawn(
        executable: script.path, arguments: [directory.path], environment: ["PATH=/usr/bin:/bin"])
      var status: Int32 = -1
      waitpid(process, &status, 0)
      try #require(status == 0, "deploy/dev-ca failed")
      guard name != "server" else { break }
      for kind in ["crt", "key"] {
        try FileManager.default.copyItem(
          atPath: path("server.\(kind)"), toPath: path("\(name).\(kind)"))
      }
    }
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  /// - Parameter name: nil shows no certificate.
  func files(of name: String?) -> TLSFiles {
    TLSFiles(
      certificate: name.map { path("\($0).crt") }, key: name.map { path("\($0).key") },
      authorities: path("ca.crt"))
  }

  /// The SHA-256 of a certificate's DER form.
  func digest(of name: String) throws -> String {
    let text = try String(contentsOfFile: path("\(name).crt"), encoding: .utf8)
    let block = try #require(text.components(separatedBy: "-----END").first)
    let digits = block.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
    let encoded = try #require(Data(base64Encoded: digits))
    return SHA256.hexadecimal(SHA256.digest(Array(encoded)))
  }
}
