/// Spans as OTLP/HTTP carries them in JSON (OpenTelemetry Protocol Specification, "JSON Protobuf
/// Encoding").
enum OTLPDocument {
  static func encode(_ spans: [SpanRecord], service: String, instance: String) -> [UInt8] {
    let resource = [
      text("service.name", service), text("service.version", scaledStorageVersion),
      text("service.instance.id", instance),
    ].joined(separator: ",")
    let list = spans.map(span).joined(separator: ",")
    let document =
      "{\"resourceSpans\":[{\"resource\":{\"attributes\":[\(resource)]},\"scopeSpans\":["
      + "{\"scope\":{\"name\":\"scaled-storage\",\"version\":\"\(scaledStorageVersion)\"},"
      + "\"spans\":[\(list)]}]}]}"
    return Array(document.utf8)
  }

  private static func span(_ span: SpanRecord) -> String {
    var attributes: [String] = []
    if let status = span.status, status > 0 {
      attributes.append(
        "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"\(status)\"}}")
    }
    if let node = span.node { attributes.append(text("scaled_storage.node", node)) }
    let parent = span.parent.map { "\"parentSpanId\":\"\(TraceContext.hex($0))\"," } ?? ""
    // An answer of its own making that blames the server is an error of a server's span.
    let isError = span.status.map { $0 == 0 || $0 >= 500 } ?? false
    return "{\"traceId\":\"\(span.context.traceText)\","
      + "\"spanId\":\"\(TraceContext.hex(span.context.span))\",\(parent)"
      + "\"name\":\(quoted(span.name)),\"kind\":\(span.kind.rawValue),"
      + "\"startTimeUnixNano\":\"\(span.start)\",\"endTimeUnixNano\":\"\(span.end)\","
      + "\"attributes\":[\(attributes.joined(separator: ","))],"
      + "\"status\":{\"code\":\(isError ? 2 : 0)}}"
  }

  private static func text(_ key: String, _ value: String) -> String {
    "{\"key\":\"\(key)\",\"value\":{\"stringValue\":\(quoted(value))}}"
  }

  /// RFC 8259 section 7.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
