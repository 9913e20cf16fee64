// swift-tools-version: 6.2
import PackageDescription

func product(_ name: String) -> Target.Dependency {
  .product(name: name, package: "scaled-storage")
}

let package = Package(
  name: "sessions",
  dependencies: [.package(name: "scaled-storage", path: "../../..")],
  targets: [
    .target(name: "Sessions", dependencies: [product("ScaledStorage")]),
    .executableTarget(
      name: "session-server", dependencies: ["Sessions", product("ScaledStorageService")]),
    .testTarget(
      name: "SessionsTests", dependencies: ["Sessions", product("ScaledStorageTesting")]),
  ]
)
