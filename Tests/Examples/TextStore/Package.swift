// swift-tools-version: 6.2
import PackageDescription

func product(_ name: String) -> Target.Dependency {
  .product(name: name, package: "scaled-storage")
}

let package = Package(
  name: "text-store",
  dependencies: [.package(name: "scaled-storage", path: "../../..")],
  targets: [
    .target(name: "TextStore", dependencies: [product("ScaledStorage")]),
    .executableTarget(
      name: "text-server", dependencies: ["TextStore", product("ScaledStorageService")]),
    .testTarget(
      name: "TextStoreTests", dependencies: ["TextStore", product("ScaledStorageTesting")]),
  ]
)
