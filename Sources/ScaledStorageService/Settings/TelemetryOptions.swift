import ArgumentParser
import Foundation
import HTTPTransport
import ScaledStorage

/// What is told of a service's work: its log and its traces.
struct TelemetryOptions: ParsableArguments {
  @Option(
    help: """
      How lines of the log are written: text, json, or auto: text on a terminal, else json. \
      (default: auto)
      """)
  var logFormat: String?

  @Option(
    help: ArgumentHelp(
      "Log requests that took longer than so many seconds; 0 for none. (default: 1)",
      valueName: "seconds"))
  var slowRequests: Double?

  @Option(
    help: ArgumentHelp(
      """
      The collector that gets traces by OTLP/HTTP, as http://localhost:4318; \
      OTEL_EXPORTER_OTLP_ENDPOINT names it as well.
      """, valueName: "url"))
  var otlpEndpoint: String?

  @Option(
    help: ArgumentHelp(
      """
      The share of requests without a trace of their own that are traced, 0 to 1; those that come \
      with one are traced as it says. (default: 0)
      """, valueName: "ratio"))
  var traceSample: Double?

  static let names = ["log-format", "slow-requests", "otlp-endpoint", "trace-sample"]
}

/// The log and the traces that are in force.
struct TelemetrySettings {
  let logFormat: LogFormat
  /// Seconds; 0 for none.
  let slowRequests: Double
  /// Nil without one.
  let endpoint: HTTPEndpoint?
  private let endpointText: String?
  let sample: Double

  init(
    _ options: TelemetryOptions, _ configuration: Configuration
  ) throws {
    logFormat = try ServiceSettings.choice("log-format", options.logFormat, configuration, .auto)
    slowRequests = try configuration.value("slow-requests", flag: options.slowRequests, default: 1)
    guard slowRequests >= 0, slowRequests <= 3_600 else {
      throw configuration.wrong(
        "slow-requests", "is \(slowRequests); it can be 0, for none, to 3600 seconds, as 0.5")
    }
    sample = try configuration.value("trace-sample", flag: options.traceSample, default: 0)
    guard sample >= 0, sample <= 1 else {
      throw configuration.wrong(
        "trace-sample", "is \(sample); it can be 0, for none, to 1, for all, as 0.01")
    }
    endpointText = try configuration.optional(
      "otlp-endpoint", flag: options.otlpEndpoint, orVariable: "OTEL_EXPORTER_OTLP_ENDPOINT",
      usual: "none: traces are passed on, and not told")
    do throws(TransportError) {
      endpoint = try endpointText.map { (text) throws(TransportError) in try HTTPEndpoint(text) }
    } catch {
      throw configuration.wrong("otlp-endpoint", "is no URL: \(error.message)")
    }
    guard endpoint?.isSecure != true else {
      throw configuration.wrong(
        "otlp-endpoint",
        "is reached by TLS, which is not spoken for traces; name a collector on this machine, as "
          + "http://localhost:4318, and let that pass them on")
    }
  }

  /// The arguments by which a node that is launched does the same.
  var arguments: [String] {
    [
      "--log-format", logFormat.rawValue, "--slow-requests", "\(slowRequests)", "--trace-sample",
      "\(sample)",
    ] + (endpointText.map { ["--otlp-endpoint", $0] } ?? [])
  }

  /// What the service itself needs.
  var tracing: TracingSettings {
    TracingSettings(
      endpoint: endpoint, sample: sample,
      slow: slowRequests > 0 ? .seconds(slowRequests) : nil)
  }
}
