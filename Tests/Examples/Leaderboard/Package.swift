// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "leaderboard",
  dependencies: [
    .package(name: "scaled-storage", path: "../../..")
  ],
  targets: [
    .target(
      name: "Leaderboard",
      dependencies: [.product(name: "ScaledStorage", package: "scaled-storage")]),
    .executableTarget(
      name: "leaderboard-server",
      dependencies: [
        "Leaderboard", .product(name: "ScaledStorageService", package: "scaled-storage"),
      ]),
    .testTarget(
      name: "LeaderboardTests",
      dependencies: [
        "Leaderboard", .product(name: "ScaledStorageTesting", package: "scaled-storage"),
      ]),
  ]
)
