import Glibc
import HTTPTransport

/// The datagram socket on which a service manager listens (sd_notify(3)).
final class NotifySocket {
  private let descriptor: Descriptor
  private let address: sockaddr_un
  private let length: socklen_t

  /// - Parameter name: a path, or `@` and a name in the abstract namespace (unix(7)).
  /// - Throws: `ServiceFailure` when nothing can be sent there.
  init(_ name: String) throws(ServiceFailure) {
    let isAbstract = name.hasPrefix("@")
    guard isAbstract || name.hasPrefix("/"), !name.utf8.contains(0) else {
      throw ServiceFailure("\(name) is neither a socket's path nor its abstract name")
    }
    let room = MemoryLayout.size(ofValue: sockaddr_un().sun_path)
    // A path ends with a null byte; an abstract name begins with one, and ends with its length.
    guard name.utf8.count < room else {
      throw ServiceFailure("\(name) is too long for a socket; it can have \(room - 1) bytes")
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { place in
      place.copyBytes(from: name.utf8)
      if isAbstract { place[0] = 0 }
    }
    self.address = address
    let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    length = socklen_t(start + name.utf8.count + (isAbstract ? 0 : 1))
    let kind = SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let raw = socket(AF_UNIX, Int32(kind), 0)
    guard raw >= 0 else {
      throw ServiceFailure("no socket can be made: \(String(cString: strerror(errno)))")
    }
    descriptor = Descriptor(owning: raw)
  }

  /// Sends one message without waiting. Returns why it was not taken; nil when it was.
  func send(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    let count = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(
          descriptor.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
      }
    }
    return count == bytes.count ? nil : String(cString: strerror(errno))
  }
}
