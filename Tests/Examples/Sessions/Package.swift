// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "sessions",
  dependencies: [
    .package(name: "scaled-storage", path: "../../..")
  ],
  targets: [
    .target(
      name: "Sessions", dependencies: [.product(name: "ScaledStorage", package: "scaled-storage")]),
    .executableTarget(
      name: "session-server",
      dependencies: ["Sessions", .product(name: "ScaledStorageService", package: "scaled-storage")]),
    .testTarget(
      name: "SessionsTests",
      dependencies: ["Sessions", .product(name: "ScaledStorageTesting", package: "scaled-storage")]),
  ]
)
