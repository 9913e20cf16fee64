import Foundation
import HTTPTransport
import Testing

extension EndToEnd {
  /// What Prometheus reads of the real programs, and what is made for it.
  @Suite(.serialized, .timeLimit(.minutes(3)))
  struct MetricsEndToEnd {
    private static let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy")

    /// The texts of a gateway and of its node, and the names of the families in both.
    private struct Scrape {
      var texts: [String] = []
      var families: Set<String> = []

      init(_ user: HTTPUser, _ nodes: [HTTPUser]) throws {
        for user in [user] + nodes {
          let answer = try user.send(.get, "/metrics")
          #expect(answer.status == 200)
          texts.append(answer.text)
          for line in answer.text.split(separator: "\n") where line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            let name = String(words[2])
            families.formUnion(
              words[3] == "histogram" ? ["_bucket", "_sum", "_count"].map { name + $0 } : [name])
          }
        }
      }
    }

    /// The names of metrics that a file of expressions has.
    private func names(in text: String) -> Set<String> {
      let words = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")) }
      return Set(
        words.map(String.init).filter {
          $0.hasPrefix("scaled_storage_") || $0.hasPrefix("process_")
        })
    }

    @Test("The dashboard and the alerts name only what there is, and promtool finds no fault")
    func names() throws {
      let certificates = try Certificates()
      let cluster = try RunningCluster(
        certificates.identity + certificates.authority + ["--forward", "proxy"])
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address, tls: certificates.files(withIdentity: true))
      #expect(try user.send(.put, "/kv/a", body: "hello").status == 201)
      #expect(try user.send(.get, "/kv/a").text == "hello")
      let ring = try user.send(.get, "/ring").text
      let address = try #require(
        ring.firstRange(of: "\"address\":\"").map { ring[$0.upperBound...].prefix { $0 != "\"" } })
      let node = try HTTPUser(
        SocketAddress(String(address)), tls: certificates.files(withIdentity: true))
      let scrape = try Scrape(user, [node])
      let dashboard = try Data(
        contentsOf: Self.deploy.appendingPathComponent("grafana/dashboard.json"))
      let panels =
        try #require(
          try JSONSerialization.jsonObject(with: dashboard) as? [String: Any])["panels"]
        as? [[String: Any]]
      let expressions = (panels ?? []).flatMap { panel in
        (panel["targets"] as? [[String: Any]] ?? []).compactMap { $0["expr"] as? String }
      }
      #expect(expressions.count > 40)
      let alerts = try String(
        contentsOf: Self.deploy.appendingPathComponent("prometheus/alerts.yml"), encoding: .utf8)
      // Modules have families of their own once there is a module.
      let known = scrape.families.union(["scaled_storage_module_failures_total"])
      for name in names(in: (expressions + [alerts]).joined(separator: "\n")).sorted() {
        #expect(known.contains(name), "\(name) is no metric")
      }
      for text in scrape.texts { try check(text, in: cluster.directory) }
    }

    /// Has promtool read the text, where it is installed.
    private func check(_ text: String, in directory: URL) throws {
      let tool = "/usr/bin/promtool"
      guard FileManager.default.isExecutableFile(atPath: tool) else { return }
      let file = directory.appendingPathComponent("metrics-\(UUID().uuidString)")
      try Data(text.utf8).write(to: file)
      let output = file.appendingPathExtension("out")
      let process = try ProcessWatcher.spawn(
        executable: "/bin/sh", arguments: ["-c", "exec \(tool) check metrics < '\(file.path)'"],
        environment: ["PATH=/usr/bin:/bin"], standardOutput: .file(output.path),
        standardError: .file(output.path))
      var status: Int32 = -1
      waitpid(process, &status, 0)
      let findings = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
      #expect(status == 0 && findings.isEmpty, "\(findings)")
    }
  }
}
