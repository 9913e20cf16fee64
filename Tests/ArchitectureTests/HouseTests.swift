import Testing

/// The rules, applied to this repository.
@Suite struct HouseTests {
  @Test func everyLayerHasAFolderAndEveryFolderARule() throws {
    let rules = LayerRules.house
    let known = Set(rules.allowed.keys).union(rules.systemModules)
    #expect(try Repository.folders(under: "Sources") == known)
    let withFiles = Set(
      try Repository.sources(under: "Sources").compactMap { targetName(of: $0.path) })
    #expect(withFiles == known)
  }

  @Test func layersImportOnlyWhatTheyMay() throws {
    expectNone(LayerRules.house.violations(in: try Repository.sources(under: "Sources")))
  }

  @Test func eachSystemModuleHasOneImporter() throws {
    expectNone(LayerRules.house.sharedSystemModules(in: try Repository.sources(under: "Sources")))
  }

  @Test func sourcesNeitherTrapNorWaitToBeFinished() throws {
    expectNone(StyleRules.defects(in: try Repository.sources(under: "Sources")))
  }

  @Test(arguments: ["Sources", "Tests"])
  func filesAndLinesAreShort(folder: String) throws {
    expectNone(StyleRules.sizes(in: try Repository.sources(under: folder)))
  }

  @Test func noTypeBearsTheNameOfItsModule() throws {
    expectNone(StyleRules.typesNamedAsModule(in: try Repository.sources(under: "Sources")))
  }

  @Test(
    "Each defect of the original library that is no missing feature has a test named after it",
    arguments: Array(1...10) + [12, 14])
  func defectHasATest(number: Int) throws {
    let name = "Defect \(number) of the original: "
    #expect(try Repository.sources(under: "Tests").contains { $0.text.contains(name) })
  }

  @Test("The service that the README shows is the one that is tested")
  func readmeService() throws {
    let service = try Repository.file(at: "Tests/Scores/main.swift").text
    #expect(
      try Repository.file(at: "README.md").text.contains("main.swift <<'SWIFT'\n\(service)SWIFT\n"))
  }

  @Test func topLevelHoldsWhatItShould() throws {
    expectNone(RepositoryRules.topLevelViolations(names: try Repository.topLevelNames()))
  }

  @Test func manifestResolvesOnAnyMachine() throws {
    expectNone(RepositoryRules.manifestViolations(in: try Repository.file(at: "Package.swift")))
  }
}
