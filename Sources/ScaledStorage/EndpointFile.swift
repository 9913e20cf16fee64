import Glibc

/// The file in a node's data directory that tells where the running node answers.
package struct EndpointFile {
  package let path: String

  package init(directory: String) {
    path = directory + "/endpoint"
  }

  package struct Endpoint: Hashable, Sendable {
    package var address: String
    package var processID: Int32

    package init(address: String, processID: Int32) {
      self.address = address
      self.processID = processID
    }
  }

  /// Replaces the file in one step.
  /// - Throws: `EndpointError` with the system's reason.
  package func write(_ endpoint: Endpoint) throws(EndpointError) {
    let temporary = path + ".new"
    let text = "1 \(endpoint.processID) \(endpoint.address)\n"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw EndpointError("cannot create \(temporary)") }
    let bytes = Array(text.utf8)
    let written = Glibc.write(descriptor, bytes, bytes.count)
    let failure = written == bytes.count ? nil : EndpointError("cannot write \(temporary)")
    close(descriptor)
    if let failure { throw failure }
    guard rename(temporary, path) == 0 else { throw EndpointError("cannot rename \(temporary)") }
  }

  /// What the file says; nil when there is none, or it cannot be read.
  package func read() -> Endpoint? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return nil }
    let parts = String(decoding: bytes[..<count], as: UTF8.self).split { $0 == " " || $0 == "\n" }
    guard parts.count == 3, parts[0] == "1", let process = Int32(parts[1]) else { return nil }
    return Endpoint(address: String(parts[2]), processID: process)
  }

  package func remove() {
    unlink(path)
  }
}

/// Why the endpoint file could not be written.
package struct EndpointError: Error {
  package let message: String

  init(_ what: String) {
    message = what + ": " + String(cString: strerror(errno))
  }
}
