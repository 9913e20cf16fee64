import COpenSSL

/// Reads why OpenSSL failed off the thread's queue of errors.
enum TLSFailure {
  /// The first error, in OpenSSL's words. Empties the queue.
  static func reason() -> String {
    let code = ERR_get_error()
    ERR_clear_error()
    if code == 0 { return "no reason given" }
    // System errors have no text of OpenSSL's own.
    guard let text = ERR_reason_error_string(code) else {
      return systemMessage(ERR_GET_REASON(code))
    }
    return String(cString: text)
  }

  /// Whether a key was refused because it is that of another certificate.
  static func isMismatch() -> Bool {
    let code = ERR_peek_last_error()
    return ERR_GET_LIB(code) == ERR_LIB_X509
      && [X509_R_KEY_VALUES_MISMATCH, X509_R_KEY_TYPE_MISMATCH].contains(ERR_GET_REASON(code))
  }
}
