// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

func layer(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [])
  -> Target
{
  .testTarget(
    name: name, dependencies: dependencies, path: "Tests/\(name)", resources: resources,
    swiftSettings: strict)
}

func system(_ name: String, package: String) -> Target {
  .systemLibrary(name: name, providers: [.apt([package])])
}

let package = Package(
  name: "scaled-storage",
  products: [
    .library(name: "ScaledStorage", targets: ["ScaledStorage"]),
    .library(name: "ScaledStorageService", targets: ["ScaledStorageService"]),
    .library(name: "ScaledStorageClient", targets: ["ScaledStorageClient"]),
    .library(name: "ScaledStorageTesting", targets: ["ScaledStorageTesting"]),
    .library(name: "Candid", targets: ["Candid"]),
    .executable(name: "scaled-storage", targets: ["scaled-storage"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.1.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0"),
    // Without its traits: those are for Foundation's streams and field masks.
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
  ],
  targets: [
    system("CLinux", package: "libc6-dev"),
    system("CNghttp2", package: "libnghttp2-dev"),
    system("CHTTPParser", package: "libhttp-parser-dev"),
    system("CRocksDB", package: "librocksdb-dev"),
    system("COpenSSL", package: "libssl-dev"),
    system("CZlib", package: "zlib1g-dev"),

    .target(name: "CWasmtime"),
    .target(name: "COpenAPI"),
    .target(name: "CStatusPage", exclude: ["page"]),

    layer("Candid"),
    layer("Placement"),
    layer("Storage"),
    layer("RocksDBStorage", ["Storage", "CRocksDB"]),
    layer("HTTPTransport", ["CLinux", "CNghttp2", "CHTTPParser", "COpenSSL", "CZlib"]),
    layer("WasmRuntime", ["CWasmtime"]),
    .target(
      name: "Etcd",
      dependencies: [
        "HTTPTransport", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ], exclude: ["Generated/etcd.proto"], swiftSettings: strict),
    layer("Cluster", ["Candid", "Placement", "Storage"]),
    layer("WireProtocol", ["Candid", "Cluster", "HTTPTransport"]),
    layer(
      "ScaledStorageClient", ["Candid", "Cluster", "HTTPTransport", "Placement", "WireProtocol"]),
    layer("ClusterTestKit", ["Candid", "Cluster", "Placement", "Storage"]),
    layer(
      "ScaledStorage",
      [
        "COpenAPI", "Candid", "Cluster", "HTTPTransport", "Placement", "Storage", "WasmRuntime",
        "WireProtocol",
        .product(name: "Logging", package: "swift-log"),
      ]),
    layer(
      "ScaledStorageTesting",
      [
        "Candid", "Cluster", "ClusterTestKit", "Placement", "ScaledStorage", "Storage",
        "WireProtocol",
      ]),
    layer(
      "Gateway",
      [
        "CStatusPage", "Candid", "Cluster", "Etcd", "HTTPTransport", "Placement", "ScaledStorage",
        "Storage", "WireProtocol",
        .product(name: "Logging", package: "swift-log"),
      ]),
    layer(
      "Launchers",
      [
        "Candid", "Cluster", "Gateway", "HTTPTransport", "ScaledStorage",
        .product(name: "Logging", package: "swift-log"),
      ]),
    layer(
      "ScaledStorageService",
      [
        "Candid", "Cluster", "Etcd", "Gateway", "HTTPTransport", "Launchers", "RocksDBStorage",
        "ScaledStorage", "Storage", "WasmRuntime", "WireProtocol",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    layer(
      "Commands",
      [
        "Candid", "Cluster", "ClusterTestKit", "Gateway", "HTTPTransport", "Placement",
        "RocksDBStorage", "ScaledStorage", "ScaledStorageClient", "ScaledStorageService", "Storage",
        "WasmRuntime", "WireProtocol",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(
      name: "scaled-storage", dependencies: ["Commands"], swiftSettings: strict),

    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .executableTarget(
      name: "allocation-gate",
      dependencies: [
        "AllocationCounter", "Candid", "Cluster", "HTTPTransport", "RocksDBStorage",
        "ScaledStorage", "Storage", "WasmRuntime", "WireProtocol",
        .product(name: "Logging", package: "swift-log"),
      ], path: "Tests/AllocationGate", swiftSettings: strict),
    tests("ArchitectureTests", []),
    tests("CandidTests", ["Candid"], resources: [.copy("Vectors")]),
    tests("PlacementTests", ["Placement"], resources: [.copy("Vectors")]),
    tests("StorageTests", ["HTTPTransport", "RocksDBStorage", "Storage"]),
    tests("HTTPTransportTests", ["HTTPTransport"]),
    .target(name: "OwnThread", path: "Tests/OwnThread", swiftSettings: strict),
    .target(
      name: "EtcdTestKit", dependencies: ["Etcd", "HTTPTransport"], path: "Tests/EtcdTestKit",
      swiftSettings: strict),
    tests("EtcdTests", ["Etcd", "EtcdTestKit", "HTTPTransport", "OwnThread"]),
    .target(name: "HostileModules", path: "Tests/HostileModules", swiftSettings: strict),
    tests("WasmRuntimeTests", ["ClusterTestKit", "HostileModules", "WasmRuntime"]),
    tests(
      "ClusterTests", ["Candid", "Cluster", "ClusterTestKit", "Placement", "Storage"],
      resources: [.copy("Vectors")]),
    tests("WireProtocolTests", ["Cluster", "HTTPTransport", "WireProtocol"]),
    tests(
      "ScaledStorageTests",
      [
        "Candid", "Cluster", "ClusterTestKit", "HostileModules", "HTTPTransport", "Placement",
        "RocksDBStorage", "ScaledStorage", "Storage", "WasmRuntime", "WireProtocol",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "ScaledStorageTestingTests", ["Candid", "Cluster", "ScaledStorage", "ScaledStorageTesting"]),
    tests(
      "GettingStartedTests", ["ScaledStorage", "ScaledStorageService", "ScaledStorageTesting"]),
    tests(
      "GatewayTests",
      [
        "Candid", "Cluster", "Gateway", "HTTPTransport", "Placement", "ScaledStorage",
        "ScaledStorageClient", "Storage", "WireProtocol",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "LaunchersTests",
      [
        "Candid", "Cluster", "Gateway", "HTTPTransport", "Launchers", "ScaledStorage", "Storage",
        "WireProtocol",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "ScaledStorageServiceTests",
      [
        "Candid", "Cluster", "Etcd", "EtcdTestKit", "HTTPTransport", "OwnThread", "Placement",
        "ScaledStorage", "ScaledStorageService", "Storage", "WireProtocol",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(
      name: "scores", dependencies: ["ScaledStorage", "ScaledStorageService"],
      path: "Tests/Scores", swiftSettings: strict),
    tests(
      "ScaledStorageClientTests",
      ["Candid", "Cluster", "HTTPTransport", "Placement", "ScaledStorageClient", "WireProtocol"]),
    tests(
      "EndToEndTests",
      [
        "EtcdTestKit", "HTTPTransport", "OwnThread", "ScaledStorageClient", "WasmRuntime",
        "scaled-storage", "scores",
      ]),
    tests(
      "CommandsTests",
      [
        "Candid", "Cluster", "ClusterTestKit", "Commands", "Gateway", "HTTPTransport",
        "ScaledStorage", "ScaledStorageClient", "WireProtocol",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)
