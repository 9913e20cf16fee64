// swift-tools-version: 6.2
import PackageDescription

func product(_ name: String) -> Target.Dependency {
  .product(name: name, package: "scaled-storage")
}

let package = Package(
  name: "leaderboard",
  dependencies: [.package(name: "scaled-storage", path: "../../..")],
  targets: [
    .target(name: "Leaderboard", dependencies: [product("ScaledStorage")]),
    .executableTarget(
      name: "leaderboard-server", dependencies: ["Leaderboard", product("ScaledStorageService")]),
    .testTarget(
      name: "LeaderboardTests", dependencies: ["Leaderboard", product("ScaledStorageTesting")]),
  ]
)
