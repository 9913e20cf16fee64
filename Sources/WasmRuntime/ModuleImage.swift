/// What a module says of itself, read without compiling it (WebAssembly core specification,
/// section 5.5). Linear in the module's size.
package struct ModuleImage: Sendable {
  package struct Import: Hashable, Sendable {
    package let module: String
    package let name: String
  }

  /// A function that the module offers to callers.
  package struct Method: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
      /// `canister_update NAME`: it may change the value under its key.
      case update
      /// `canister_query NAME`: it only reads.
      case query
    }

    package let name: String
    package let kind: Kind
    /// The argument that is the key, counted from 0, where an export `scaled_key NAME INDEX` says.
    package var keyArgument: Int?

    /// The name under which the module exports the function.
    package var export: String { Method.prefix(kind) + name }

    static func prefix(_ kind: Kind) -> String {
      kind == .update ? "canister_update " : "canister_query "
    }
  }

  package let byteCount: Int
  package private(set) var imports: [Import] = []
  package private(set) var exports: [String] = []
  /// The name under which the memory is exported. Canisters call theirs as their compiler likes.
  package private(set) var memoryExport: String?
  package private(set) var methods: [Method] = []
  package private(set) var customSections: [(name: String, range: Range<Int>)] = []
  /// Functions that the module defines.
  package private(set) var functionCount = 0
  /// The text of the interface, in Candid's `.did` format.
  package private(set) var candid: String?
  /// Whether imports that do not exist here become functions that trap when they are called.
  package private(set) var stubsImports = false

  /// `\0asm` and version 1 (section 5.5.16).
  package static let preamble: [UInt8] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
  package static let candidSection = "icp:public candid:service"
  private static let privateCandidSection = "icp:private candid:service"
  package static let stubsSection = "scaled:stub-imports"

  private static let keyPrefix = "scaled_key "
  private static let mostMethods = 1_000
  /// Of types, imports, exports and custom sections: each costs time and memory to look at.
  private static let mostParts = 10_000
  private static let longestMethodName = 200

  /// - Throws: `WasmError` `.notWasm` for bytes that are no module, `.badModule` for one that is
  ///   larger than the limits or whose methods cannot be called.
  package init(_ bytes: [UInt8], limits: WasmLimits = WasmLimits()) throws(WasmError) {
    byteCount = bytes.count
    guard bytes.starts(with: ModuleImage.preamble) else {
      throw WasmError(
        .notWasm, "this is no WebAssembly module: it does not begin with \\0asm, version 1")
    }
    guard bytes.count <= limits.expandedModuleBytes else {
      throw WasmError(
        .badModule,
        "the module has \(bytes.count) bytes; at most \(limits.expandedModuleBytes) are taken")
    }
    var reader = ImageReader(bytes, ModuleImage.preamble.count..<bytes.count)
    while !reader.isAtEnd {
      let start = reader.offset
      let id = try reader.byte()
      guard id <= 13 else {
        throw WasmError(.notWasm, "the module is damaged: no section begins at byte \(start)")
      }
      let content = try reader.range(try reader.number())
      try read(section: id, ImageReader(bytes, content))
    }
    guard functionCount <= limits.functions else {
      throw WasmError(
        .badModule,
        "the module defines \(functionCount) functions; at most \(limits.functions) are taken")
    }
    try findMethods()
    try readCustomSections(bytes)
  }

  private mutating func read(section id: UInt8, _ section: ImageReader) throws(WasmError) {
    var reader = section
    switch id {
    case 0:
      let name = try reader.name()
      customSections.append((name, reader.offset..<reader.end))
      try ModuleImage.check(customSections.count, "custom sections")
    case 1:
      try ModuleImage.check(try reader.number(), "types")
    case 2:
      let count = try reader.number()
      try ModuleImage.check(count, "imports")
      for _ in 0..<count { try readImport(&reader) }
    case 3:
      functionCount += try reader.number()
    case 7:
      let count = try reader.number()
      try ModuleImage.check(count, "exports")
      for _ in 0..<count {
        let name = try reader.name()
        exports.append(name)
        // Kind 2 is a memory (section 5.5.10).
        if try reader.byte() == 2, memoryExport == nil { memoryExport = name }
        _ = try reader.number()
      }
    default:
      break
    }
  }

  private static func check(_ count: Int, _ what: StaticString) throws(WasmError) {
    guard count <= mostParts else {
      throw WasmError(
        .badModule, "the module has \(count) \(what); at most \(mostParts) are taken")
    }
  }

  private mutating func readImport(_ reader: inout ImageReader) throws(WasmError) {
    imports.append(Import(module: try reader.name(), name: try reader.name()))
    switch try reader.byte() {
    case 0: _ = try reader.number()
    case 1:
      _ = try reader.byte()
      try reader.skipLimits()
    case 2: try reader.skipLimits()
    case 3: _ = try reader.range(2)
    case 4: _ = try reader.range(2)
    default: throw reader.damaged()
    }
  }

  private mutating func findMethods() throws(WasmError) {
    for export in exports {
      for kind in [Method.Kind.update, .query] where export.hasPrefix(Method.prefix(kind)) {
        let name = String(export.dropFirst(Method.prefix(kind).count))
        guard ModuleImage.isMethodName(name) else {
          throw WasmError(
            .badModule,
            "the method \"\(name.prefix(60))\" cannot be called over HTTP: a name has 1 to "
              + "\(ModuleImage.longestMethodName) printable ASCII characters, none of them / ? # %")
        }
        guard !methods.contains(where: { $0.name == name }) else {
          throw WasmError(.badModule, "\"\(name)\" is both an update and a query; rename one")
        }
        methods.append(Method(name: name, kind: kind))
        guard methods.count <= ModuleImage.mostMethods else {
          throw WasmError(
            .badModule, "the module has more than \(ModuleImage.mostMethods) methods")
        }
      }
    }
    for export in exports where export.hasPrefix(ModuleImage.keyPrefix) {
      let words = export.dropFirst(ModuleImage.keyPrefix.count).split(separator: " ")
      guard words.count == 2, let argument = Int(words[1]), (0..<100).contains(argument),
        let index = methods.firstIndex(where: { $0.name == words[0] })
      else {
        throw WasmError(
          .badModule,
          "the export \"\(export.prefix(100))\" names no key: it is scaled_key METHOD INDEX, with "
            + "a method of this module and the argument's index from 0")
      }
      methods[index].keyArgument = argument
    }
  }

  static func isMethodName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= longestMethodName
      && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"/?#%".utf8.contains($0) }
  }

  private mutating func readCustomSections(_ bytes: [UInt8]) throws(WasmError) {
    for section in customSections {
      switch section.name {
      case ModuleImage.candidSection, ModuleImage.privateCandidSection:
        guard let text = String(validating: bytes[section.range], as: UTF8.self) else {
          throw WasmError(.badModule, "the section \"\(section.name)\" is not UTF-8 text")
        }
        // The last counts: what is embedded later is appended.
        candid = text
      case ModuleImage.stubsSection:
        stubsImports = true
      default:
        break
      }
    }
  }

  /// A module with a further custom section (section 5.5.3) at its end.
  package static func appending(
    section name: String, _ payload: [UInt8], to bytes: [UInt8]
  ) -> [UInt8] {
    let content = leb128(name.utf8.count) + Array(name.utf8) + payload
    return bytes + [0] + leb128(content.count) + content
  }

  private static func leb128(_ number: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = number
    repeat {
      let low = UInt8(rest & 0x7f)
      rest >>= 7
      bytes.append(rest == 0 ? low : low | 0x80)
    } while rest != 0
    return bytes
  }
}
