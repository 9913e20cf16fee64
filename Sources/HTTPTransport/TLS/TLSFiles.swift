import CLinux
import Glibc

/// The PEM files of a program that speaks TLS.
public struct TLSFiles: Hashable, Sendable {
  /// The program's certificate, followed by those that lead to its authority. Servers need one;
  /// clients show it to servers that ask.
  public var certificate: String?
  /// The private key of ``certificate``, without a pass phrase.
  public var key: String?
  /// The authorities that peers' certificates must come from. Without them clients trust whom the
  /// system trusts, and servers ask for no certificates.
  public var authorities: String?

  public init(certificate: String? = nil, key: String? = nil, authorities: String? = nil) {
    self.certificate = certificate
    self.key = key
    self.authorities = authorities
  }

  /// What tells one state of the files from another without reading them.
  var marks: [FileMark?] { [certificate, key, authorities].map { $0.flatMap(FileMark.init) } }
}

/// One state of a file.
struct FileMark: Hashable {
  private let device: UInt
  private let inode: UInt
  private let size: Int
  private let seconds: Int
  private let nanoseconds: Int

  /// Nil when there is no such file.
  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
    size = Int(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }
}
