/// Types and `.did` files.
extension TextPrinter {
  mutating func type(_ type: CandidType) {
    switch type {
    case .vec(.nat8): write("blob")
    case .opt(let inner):
      write("opt ")
      self.type(inner)
    case .vec(let element):
      write("vec ")
      self.type(element)
    case .record(let fields): record(fields)
    case .variant(let cases):
      group("variant {", "}", separator: ";", cases) { printer, tag in
        printer.bytes.appendLabel(tag.label)
        if tag.type != .null { printer.behindColon(tag.type) }
      }
    case .function(let function):
      write("func ")
      self.function(function)
    case .service(let methods):
      write("service ")
      self.methods(methods)
    case .named(let name): bytes.appendName(name)
    default: write(type.primitiveName)
    }
  }

  private mutating func record(_ fields: [CandidField]) {
    let isTuple = fields.enumerated().allSatisfy { UInt32($0.offset) == $0.element.label.id }
    group("record {", "}", separator: ";", fields) { printer, field in
      if isTuple {
        printer.type(field.type)
      } else {
        printer.bytes.appendLabel(field.label)
        printer.behindColon(field.type)
      }
    }
  }

  private mutating func behindColon(_ type: CandidType) {
    write(" : ")
    self.type(type)
  }

  mutating func tuple(_ types: [CandidType]) {
    group("(", ")", separator: ",", types) { $0.type($1) }
  }

  /// As behind a method's name.
  mutating func function(_ function: CandidFunction) {
    tuple(function.parameters)
    write(" -> ")
    tuple(function.results)
    for annotation in function.annotations {
      switch annotation {
      case .query: write(" query")
      case .oneway: write(" oneway")
      case .compositeQuery: write(" composite_query")
      }
    }
  }

  /// Methods in braces.
  mutating func methods(_ methods: [CandidMethod], isBroken: Bool = false) {
    group("{", "}", separator: ";", methods, isBroken: isBroken) { printer, method in
      printer.bytes.appendName(method.name)
      printer.write(" : ")
      if case .function(let function) = method.type {
        printer.function(function)
      } else {
        printer.type(method.type)
      }
    }
  }
}

extension CandidInterface: CustomStringConvertible {
  /// The source of a `.did` file with the same content: definitions in the order of their names,
  /// then the service; lines of 80 characters where possible. Imports are resolved; comments and
  /// the names of parameters are not kept.
  public var description: String {
    var source: [UInt8] = []
    let definitions = environment.definitions.sorted { TypeCompiler.precedes($0.key, $1.key) }
    for (name, type) in definitions {
      source += Self.statement { printer in
        printer.write("type ")
        printer.bytes.appendName(name)
        printer.write(" = ")
        printer.type(type)
        printer.write(";")
      }
    }
    if let service {
      source += Self.statement { printer in
        printer.write("service : ")
        if let initArguments {
          printer.tuple(initArguments)
          printer.write(" -> ")
        }
        if case .service(let methods) = service {
          printer.methods(methods, isBroken: true)
        } else {
          printer.type(service)
        }
      }
    }
    return String(decoding: source, as: UTF8.self)
  }

  private static func statement(_ print: (inout TextPrinter) -> Void) -> [UInt8] {
    var printer = TextPrinter(notesGroups: true, byteCount: 256)
    print(&printer)
    return TextLayout.lines(printer.bytes, printer.groups) + [0x0a]
  }
}
