import Glibc
package import HTTPTransport

/// How a pod is known to the API server: files that Kubernetes puts into it.
package struct ServiceAccount {
  private let directory: String
  /// Nil speaks plain text, which only tests do.
  let tls: TLSContext?

  init(directory: String, tls: TLSContext?) {
    self.directory = directory
    self.tls = tls
  }

  /// - Throws: `.tls` when the authority's certificate cannot be read.
  package init(directory: String) throws(TransportError) {
    self.init(
      directory: directory,
      tls: try TLSContext(TLSFiles(authorities: directory + "/ca.crt")))
  }

  /// The pod's own namespace; nil when the file is missing.
  package var namespace: String? { read("namespace") }

  /// The token, which is replaced now and then, so that each request reads it; nil without one.
  var token: String? { read("token") }

  private func read(_ name: String) -> String? {
    let file = open(directory + "/" + name, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = Glibc.read(file, &bytes, bytes.count)
    guard count > 0 else { return nil }
    return bytes[..<count].split(separator: UInt8(ascii: "\n")).first.map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}
