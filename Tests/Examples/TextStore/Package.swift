// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "text-store",
  dependencies: [
    .package(name: "scaled-storage", path: "../../..")
  ],
  targets: [
    .target(
      name: "TextStore", dependencies: [.product(name: "ScaledStorage", package: "scaled-storage")]),
    .executableTarget(
      name: "text-server",
      dependencies: [
        "TextStore", .product(name: "ScaledStorageService", package: "scaled-storage"),
      ]),
    .testTarget(
      name: "TextStoreTests",
      dependencies: [
        "TextStore", .product(name: "ScaledStorageTesting", package: "scaled-storage"),
      ]),
  ]
)
