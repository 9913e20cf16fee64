import ArgumentParser
import Candid
import Cluster
import Foundation
import ScaledStorage
import Testing

@testable import ScaledStorageService

struct ServedProgramTests {
  private typealias Load = ScalePolicy.Load

  private static let service = {
    var policy = ScalePolicy(
      minimumNodes: 2, maximumNodes: 6, isOverloaded: { $0.utilisation > 0.7 }
    ) {
      $0.keys > 50
    }
    policy.scaleUpAfter = 3_000
    var app = CanisterManager<Int>(policy: policy)
    app.update("add") { (context, name: String, points: Int) in
      try context.withUpsertData(name, default: 0) { $0 += points }
    }
    return app
  }()

  private func policy(_ arguments: [String]) throws -> ScalePolicy {
    let configuration = try Configuration(file: nil, environment: [:])
    return try ScalingSettings(
      try ScalingOptions.parse(arguments), configuration,
      policy: ServedProgramTests.service.application.policy
    ).policy
  }

  private func withProgram<Result>(_ body: () throws -> Result) rethrows -> Result {
    let program = ServedProgram(
      name: "points", application: ServedProgramTests.service.application)
    return try ServedProgram.$current.withValue(program, operation: body)
  }

  @Test func `the service's own policy is in force where no setting says otherwise`() throws {
    let policy = try policy([])
    #expect(policy.shouldScaleUp(Load(keys: 51, bytes: 0)))
    #expect(!policy.shouldScaleUp(Load(keys: 50, bytes: .max)))
    #expect(policy.isOverloaded(Load(keys: 0, bytes: 0, utilisation: 0.8)))
    #expect(policy.minimumNodes == 2 && policy.maximumNodes == 6 && policy.scaleUpAfter == 3_000)
  }

  @Test func `a setting of size replaces the rule of size alone`() throws {
    let policy = try policy(["--scale-up-at", "1000"])
    #expect(!policy.shouldScaleUp(Load(keys: 1_000, bytes: .max)))
    #expect(policy.shouldScaleUp(Load(keys: 1_001, bytes: 0)))
    #expect(policy.isOverloaded(Load(keys: 0, bytes: 0, utilisation: 0.8)))
  }

  @Test func `a setting of load replaces the rule of load alone, and off ends it`() throws {
    let policy = try policy(["--scale-up-at-latency", "20", "--max-nodes", "9"])
    let slow = Load(keys: 0, bytes: 0, latencyP99: .milliseconds(21))
    #expect(policy.isOverloaded(slow))
    #expect(!policy.isOverloaded(Load(keys: 0, bytes: 0, utilisation: 0.8)))
    #expect(policy.shouldScaleUp(Load(keys: 51, bytes: 0)))
    #expect(policy.minimumNodes == 2 && policy.maximumNodes == 9)
    let never = try self.policy(["--scale-up-at-utilisation", "off"])
    #expect(!never.isOverloaded(Load(keys: 0, bytes: 0, utilisation: 1, latencyP99: .seconds(9))))
  }

  @Test func `bounds that do not fit the service's own are wrong usage`() {
    #expect(throws: ConfigurationError.self) { try policy(["--min-nodes", "7"]) }
  }

  @Test func `the help speaks of the program and of the service's own rule`() throws {
    let usual = UpCommand.helpMessage(columns: 200)
    #expect(usual.contains("scaled-storage up") && usual.contains("(default: 1000000)"))
    let own = withProgram { UpCommand.helpMessage(columns: 200) }
    #expect(own.contains("points up") && own.contains("(default: the service's own rule)"))
    #expect(!own.contains("scaled-storage up"))
  }

  @Test(arguments: ["up", "node", "gateway", "interface"])
  func `a service's program has the commands`(name: String) throws {
    try withProgram { _ = try ServiceCommand.parseAsRoot([name]) }
  }

  @Test func `the interface is printed as Candid and as OpenAPI`() throws {
    let candid = try withProgram { try InterfaceCommand.parse([]).document }
    let text = String(decoding: candid, as: UTF8.self)
    #expect(try CandidInterface(parsing: text).service != nil)
    #expect(text.contains("add"))
    let json = try withProgram { try InterfaceCommand.parse(["--openapi"]).document }
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    #expect((document["paths"] as? [String: Any])?["/add"] != nil)
  }

  @Test func `a definition with a mistake is wrong usage, and the mistake is told`() async throws {
    let result = try #require(
      await #expect(
        processExitsWith: .exitCode(EX_USAGE), observing: [\.standardErrorContent]
      ) {
        var app = CanisterManager<Int>(shouldScaleUp: { $0 > 50 })
        app.query("node_info") { (context, name: String) in try context.withData(name) { $0 ?? 0 } }
        app.run(["folder/points", "interface"])
      })
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.contains("points: the method \"node_info\""))
  }
}
