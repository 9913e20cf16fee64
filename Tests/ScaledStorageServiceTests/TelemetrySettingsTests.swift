import ArgumentParser
import HTTPTransport
import ScaledStorage
import Testing

@testable import ScaledStorageService

/// The settings of logs and traces.
struct TelemetrySettingsTests {
  private func settings(
    _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> TelemetrySettings {
    let configuration = try Configuration(file: nil, environment: environment)
    return try TelemetrySettings(try TelemetryOptions.parse(arguments), configuration)
  }

  @Test("Nodes that are launched do what the gateway does")
  func arguments() throws {
    let given = try settings([
      "--log-format", "json", "--slow-requests", "0.5", "--trace-sample", "0.01",
      "--otlp-endpoint", "http://localhost:4318",
    ])
    let launched = try settings(given.arguments)
    #expect(launched.logFormat == .json && launched.slowRequests == 0.5)
    #expect(launched.sample == 0.01 && launched.endpoint == given.endpoint)
    #expect(try settings([]).tracing.endpoint == nil)
    #expect(try settings(["--slow-requests", "0"]).tracing.slow == nil)
  }

  @Test("The collector may come from OpenTelemetry's own variable")
  func variable() throws {
    let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"]
    #expect(try settings([], environment).endpoint?.host == "collector")
    let other = try settings(["--otlp-endpoint", "http://localhost:1"], environment)
    #expect(other.endpoint?.host == "localhost")
  }

  @Test(
    "What is out of range is refused",
    arguments: [
      ["--log-format", "xml"], ["--trace-sample", "2"], ["--trace-sample=-0.1"],
      ["--slow-requests=-1"], ["--slow-requests", "nan"], ["--otlp-endpoint", "localhost"],
      ["--otlp-endpoint", "https://localhost:4318"],
    ])
  func refused(arguments: [String]) {
    #expect(throws: ConfigurationError.self) { try settings(arguments) }
  }
}
