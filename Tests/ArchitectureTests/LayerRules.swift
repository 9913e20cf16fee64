/// Who may import whom.
struct LayerRules {
  /// The modules that each target under `Sources` may import.
  var allowed: [String: Set<String>]
  /// The modules that every target may import.
  var everywhere: Set<String>
  /// The system modules of the package, each owned by the one target that may import it.
  var systemModules: Set<String>
}

extension LayerRules {
  /// The layers of this package, lowest first.
  static let house = LayerRules(
    allowed: [
      "Candid": [],
      "Placement": [],
      "Storage": [],
      "RocksDBStorage": ["Storage", "CRocksDB"],
      "HTTPTransport": ["CLinux", "CNghttp2", "CHTTPParser", "COpenSSL", "CZlib"],
      "WasmRuntime": ["CWasmtime"],
      "Etcd": ["FoundationEssentials", "HTTPTransport", "SwiftProtobuf"],
      "Cluster": ["Candid", "Placement", "Storage"],
      "WireProtocol": ["Candid", "Cluster", "HTTPTransport"],
      "ScaledStorageClient": ["Candid", "Cluster", "HTTPTransport", "Placement", "WireProtocol"],
      "ClusterTestKit": ["Candid", "Cluster", "Placement", "Storage"],
      "ScaledStorage": [
        "COpenAPI", "Candid", "Cluster", "HTTPTransport", "Logging", "Placement", "Storage",
        "WasmRuntime", "WireProtocol",
      ],
      "ScaledStorageTesting": [
        "Candid", "Cluster", "ClusterTestKit", "Placement", "ScaledStorage", "Storage",
        "WireProtocol",
      ],
      "Gateway": [
        "CStatusPage", "Candid", "Cluster", "Etcd", "HTTPTransport", "Logging", "Placement",
        "ScaledStorage", "Storage", "WireProtocol",
      ],
      "Launchers": [
        "Candid", "Cluster", "FoundationEssentials", "Gateway", "HTTPTransport", "Logging",
        "ScaledStorage",
      ],
      "ScaledStorageService": [
        "ArgumentParser", "Candid", "Cluster", "Etcd", "Foundation", "Gateway", "HTTPTransport",
        "Launchers", "Logging", "RocksDBStorage", "ScaledStorage", "Storage", "WasmRuntime",
        "WireProtocol",
      ],
      "Commands": [
        "ArgumentParser", "Candid", "Cluster", "ClusterTestKit", "Foundation",
        "FoundationEssentials", "FoundationNetworking", "Gateway", "HTTPTransport", "Histogram",
        "Logging", "Placement", "RocksDBStorage", "ScaledStorage", "ScaledStorageClient",
        "ScaledStorageService", "Storage", "WasmRuntime", "WireProtocol",
      ],
      "scaled-storage": ["Commands"],
      // No target: programs for WebAssembly, which deploy/modules builds.
      "Modules": [],
    ],
    everywhere: ["Glibc", "Synchronization"],
    systemModules: [
      "CHTTPParser", "CLinux", "CNghttp2", "COpenAPI", "COpenSSL", "CRocksDB", "CStatusPage",
      "CWasmtime", "CZlib",
    ])

  /// The imports that no rule allows, and the targets that no rule knows.
  func violations(in files: [RepositoryFile]) -> [Violation] {
    files.flatMap { file -> [Violation] in
      guard let target = targetName(of: file.path), file.path.hasSuffix(".swift") else { return [] }
      guard let permitted = allowed[target] else {
        let message = "\(target) is no known layer; give it a place in LayerRules"
        return [Violation(path: file.path, line: nil, message: message)]
      }
      return imports(in: file.text).compactMap { found in
        guard !permitted.contains(found.module), !everywhere.contains(found.module) else {
          return nil
        }
        let message = "\(target) must not import \(found.module)"
        return Violation(path: file.path, line: found.line, message: message)
      }
    }
  }

  /// The system modules that several targets import, whatever the table allows.
  func sharedSystemModules(in files: [RepositoryFile]) -> [Violation] {
    var importers: [String: Set<String>] = [:]
    for file in files {
      guard let target = targetName(of: file.path), file.path.hasSuffix(".swift") else { continue }
      for found in imports(in: file.text) where systemModules.contains(found.module) {
        importers[found.module, default: []].insert(target)
      }
    }
    return importers.filter { $0.value.count > 1 }.map { module, targets in
      let names = targets.sorted().joined(separator: ", ")
      return Violation(
        path: "Sources/\(module)", line: nil, message: "imported by several targets: \(names)")
    }
  }
}

/// The target that a file under `Sources` belongs to.
func targetName(of path: String) -> String? {
  let parts = path.split(separator: "/")
  return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
}

/// The modules that a Swift source imports, with the line of each. Knows attributes, access levels,
/// submodules (`import A.B` imports A) and imports of one declaration (`import struct A.B`).
func imports(in text: String) -> [(module: String, line: Int)] {
  let declarationKinds: Set<String> = [
    "typealias", "struct", "class", "enum", "protocol", "let", "var", "func",
  ]
  // Backticks are left out; `import` in them is a name, and no module of ours is called so.
  let tokens = SwiftTokenizer.tokens(of: text).filter { $0.text != "`" }
  var found: [(module: String, line: Int)] = []
  for (index, token) in tokens.enumerated() where token.kind == .word && token.text == "import" {
    // A member or an argument label of that name imports nothing.
    if index > 0, [".", "(", ","].contains(tokens[index - 1].text) { continue }
    let following = tokens[(index + 1)...].prefix(2).filter { $0.kind == .word }.map(\.text)
    guard let first = following.first else { continue }
    let isOneDeclaration = declarationKinds.contains(first) && following.count == 2
    found.append((isOneDeclaration ? following[1] : first, token.line))
  }
  return found
}
