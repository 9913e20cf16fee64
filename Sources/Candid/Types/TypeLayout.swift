/// What walking over values needs to know of a `TypeTable`: no labels, nothing to retain.
struct TypeLayout: Sendable {
  enum Kind: UInt8, Sendable {
    case opt, vec, record, variant, function, service, future
  }

  struct Node: Sendable {
    let kind: Kind
    /// The content of an opt or a vec.
    var content = TypeReference.null
    /// The types of a record's fields or a variant's cases, as a range of `parts`.
    var first = 0
    var count = 0
    /// What one value costs (`CandidLimits.cost`), but for its bytes and what is behind an opt, a
    /// vec or a variant: that is found when it is read. `infinite` for a record inside itself.
    var cost = 2
    /// The size in bytes, when it is the same for all values and no byte needs a check; else -1.
    var byteCount = -1
    /// How deeply one value nests, those behind an opt, a vec or a variant apart.
    var height = 1
  }

  /// More than any message may cost.
  static let infinite = 1 << 40
  /// What a field costs beside its value: values in memory are larger than in a message.
  static let fieldCost = 7

  private(set) var nodes: [Node] = []
  private(set) var parts: [TypeReference] = []

  init(_ table: TypeTable) {
    nodes.reserveCapacity(table.entries.count)
    for entry in table.entries {
      switch entry {
      case .opt(let inner): nodes.append(Node(kind: .opt, content: inner))
      case .vec(let element): nodes.append(Node(kind: .vec, content: element))
      case .record(let fields): append(.record, fields)
      case .variant(let cases): append(.variant, cases)
      case .function: nodes.append(Node(kind: .function))
      case .service: nodes.append(Node(kind: .service))
      case .future: nodes.append(Node(kind: .future))
      }
    }
    measureRecords()
  }

  private mutating func append(_ kind: Kind, _ fields: [TypeTable.Field]) {
    nodes.append(Node(kind: kind, first: parts.count, count: fields.count))
    for field in fields { parts.append(field.type) }
  }

  func cost(_ type: TypeReference) -> Int {
    type.code < 0 ? 1 : nodes[Int(type.code)].cost
  }

  /// What an element of a vec costs. One without bytes is dear, for nothing else bounds how many
  /// there are.
  func elementCost(_ type: TypeReference) -> Int {
    (byteCount(type) == 0 ? 20 : 3) + cost(type)
  }

  func height(_ type: TypeReference) -> Int {
    type.code < 0 ? 0 : nodes[Int(type.code)].height
  }

  func byteCount(_ type: TypeReference) -> Int {
    switch type {
    case .null, .reserved: 0
    case .nat8, .int8: 1
    case .nat16, .int16: 2
    case .nat32, .int32, .float32: 4
    case .nat64, .int64, .float64: 8
    default: type.code < 0 ? -1 : nodes[Int(type.code)].byteCount
    }
  }

  /// Adds up records from the inside out, on a stack of its own, for a hostile table nests deeply.
  private mutating func measureRecords() {
    enum State { case unknown, open, known }
    var states = [State](repeating: .unknown, count: nodes.count)
    var stack: [(node: Int, next: Int)] = []
    for root in nodes.indices where nodes[root].kind == .record && states[root] == .unknown {
      stack.append((root, 0))
      states[root] = .open
      nodes[root].byteCount = 0
      while let top = stack.last {
        let node = nodes[top.node]
        guard top.next < node.count else {
          states[top.node] = .known
          stack.removeLast()
          continue
        }
        let part = parts[node.first + top.next]
        let index = Int(part.code)
        if index >= 0, nodes[index].kind == .record, states[index] == .unknown {
          states[index] = .open
          nodes[index].byteCount = 0
          stack.append((index, 0))
          continue
        }
        stack[stack.count - 1].next += 1
        if index >= 0, states[index] == .open {
          add(Self.infinite, -1, to: top.node)
        } else {
          add(cost(part) + Self.fieldCost, byteCount(part), to: top.node)
          nodes[top.node].height = max(nodes[top.node].height, height(part) + 1)
        }
      }
    }
  }

  private mutating func add(_ cost: Int, _ bytes: Int, to node: Int) {
    nodes[node].cost = min(nodes[node].cost + cost, Self.infinite)
    let sum = nodes[node].byteCount + bytes
    nodes[node].byteCount =
      nodes[node].byteCount < 0 || bytes < 0 || sum > Self.infinite ? -1 : sum
  }
}
