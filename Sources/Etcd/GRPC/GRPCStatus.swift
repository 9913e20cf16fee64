import HTTPTransport

/// How a gRPC call ended: `grpc-status` and `grpc-message` of the trailers, or of the header
/// section when that is all there is.
enum GRPCStatus {
  /// Nil when the call succeeded.
  static func error(of response: ClientResponse, from endpoint: String) -> EtcdError? {
    let fields =
      response.trailers.first("grpc-status") == nil ? response.headers : response.trailers
    guard let status = fields.first("grpc-status") else {
      return missing(response, from: endpoint)
    }
    guard let number = Int(status) else {
      return EtcdError(
        .protocolViolation, "\(endpoint) ended the call with the status '\(status.prefix(40))'",
        isOutcomeUnknown: true)
    }
    guard number != 0 else { return nil }
    let text = decoded(fields.first("grpc-message") ?? "")
    let (code, isOutcomeUnknown) = meaning(of: number)
    return EtcdError(
      code, "\(endpoint) says: \(text.isEmpty ? "status \(number)" : text)",
      isOutcomeUnknown: isOutcomeUnknown)
  }

  /// What a status code says (gRPC, "Status codes and their use"), and whether the call may have
  /// been carried out: etcd says "unavailable" when it lost track of a proposal, too.
  private static func meaning(of status: Int) -> (EtcdError.Code, isOutcomeUnknown: Bool) {
    switch status {
    case 4: (.deadlineExceeded, true)
    case 7, 16: (.unauthenticated, false)
    case 8: (.exhausted, false)
    case 3, 5, 6, 9, 11, 12: (.refused, false)
    case 1, 14: (.unavailable, true)
    default: (.unavailable, true)
    }
  }

  /// An answer that is not gRPC: of something else on that port, or a proxy before etcd.
  private static func missing(_ response: ClientResponse, from endpoint: String) -> EtcdError {
    switch response.status {
    case 200:
      EtcdError(
        .protocolViolation, "\(endpoint) ended the call without a status", isOutcomeUnknown: true)
    case 401, 403:
      EtcdError(.unauthenticated, "\(endpoint) answered \(response.status)")
    case 429, 502, 503, 504:
      EtcdError(
        .unavailable, "\(endpoint) answered \(response.status)", isOutcomeUnknown: true)
    default:
      EtcdError(
        .protocolViolation,
        "\(endpoint) answered \(response.status), not as gRPC; is it etcd's client port?",
        isOutcomeUnknown: true)
    }
  }

  /// `grpc-message` is percent-encoded UTF-8; what is not valid stays as it is.
  static func decoded(_ text: String) -> String {
    let bytes = Array(text.utf8.prefix(4_096))
    var plain: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == 0x25, index + 2 < bytes.count, let high = digit(bytes[index + 1]),
        let low = digit(bytes[index + 2])
      {
        plain.append(high << 4 | low)
        index += 3
      } else {
        plain.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: plain, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }

  /// Why a call got no answer.
  static func error(of failure: TransportError, from endpoint: String) -> EtcdError {
    let isOutcomeUnknown = !failure.isRetryable
    let code: EtcdError.Code =
      switch failure.code {
      case .timedOut: .deadlineExceeded
      case .tooLarge, .invalidRequest: .tooLarge
      case .cancelled: .cancelled
      case .protocolViolation: .protocolViolation
      case .connectFailed, .refused, .connectionClosed, .goAway, .streamReset, .overloaded,
        .invalidAddress, .tls, .system:
        .unavailable
      }
    return EtcdError(
      code, "\(endpoint): \(failure.message)", isOutcomeUnknown: isOutcomeUnknown)
  }
}
