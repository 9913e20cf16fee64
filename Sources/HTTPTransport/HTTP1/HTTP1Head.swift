/// Writes the head of an HTTP/1.1 answer.
enum HTTP1Head {
  static let interim: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

  static func write(_ exchange: Exchange, server: ServerCore, minor: Int) {
    let status = exchange.validStatus
    exchange.head.append("HTTP/1.1 ")
    exchange.head.append(decimal: status)
    exchange.head.append(0x20)
    exchange.head.append(StatusLine.phrase(status))
    exchange.head.append("\r\ndate: ")
    exchange.head.append(server.dateBytes)
    exchange.head.append("\r\n")
    if exchange.lacksLength {
      // HTTP/1.0 has no chunks (RFC 9112 section 6.1): there the connection's end ends the body.
      if minor > 0 { exchange.head.append("transfer-encoding: chunked\r\n") }
    } else if exchange.sendsLength {
      exchange.head.append("content-length: ")
      exchange.head.append(decimal: exchange.answerLength)
      exchange.head.append("\r\n")
    }
    for field in exchange.responseFields.elements {
      exchange.head.append(field.name(in: exchange.responseBytes))
      exchange.head.append(": ")
      exchange.head.append(field.value(in: exchange.responseBytes))
      exchange.head.append("\r\n")
    }
    if !exchange.keepAlive {
      exchange.head.append("connection: close\r\n")
    } else if minor == 0 {
      // HTTP/1.0 closes unless both sides say otherwise.
      exchange.head.append("connection: keep-alive\r\n")
    }
    exchange.head.append("\r\n")
  }
}
