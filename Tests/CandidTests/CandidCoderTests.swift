import Foundation
import Testing

import Candid

@Suite("Codable")
struct CandidCoderTests {
  struct Book: Codable, Equatable {
    var title: String
    var year: Int
    var note: String?
    var pages: [UInt16] = []
  }

  struct Shelf: Codable, Equatable {
    var owner: Principal
    var books: [Book]
    var marks: [String: Double]
    var cover: [UInt8]
    var total: CandidInteger
    var kind: Kind
  }

  enum Kind: String, Codable { case novel, essay }

  enum Shape: Codable, Equatable {
    case point
    case circle(Double)
    case line(Double, Double)
    case box(width: Int, height: Int)
    case book(Book)
  }

  enum Sparse: Codable, Equatable {
    case one(Int?)
    case two(Int?, String?)
    case named(a: Int?)
  }

  final class Link: Encodable {
    var next: Link?
  }

  class Animal: Codable {
    var name = "Rex"
  }

  final class Dog: Animal {
    var tricks = 3
    private enum CodingKeys: String, CodingKey { case tricks }

    override init() { super.init() }

    required init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      try super.init(from: container.superDecoder())
      tricks = try container.decode(Int.self, forKey: .tricks)
    }

    override func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(tricks, forKey: .tricks)
      try super.encode(to: container.superEncoder())
    }
  }

  struct Numbered: Codable, Equatable {
    var first: String
    var other: Int?
    enum CodingKeys: Int, CodingKey { case first = 0, other = 7 }
  }

  static let bookType = CandidType.record(fields: [
    "title": .text, "year": .nat16, "note": .opt(.text), "pages": .vec(.nat),
  ])
  static let shapeType = CandidType.variant(cases: [
    "point": .null, "circle": .float64, "book": bookType,
    "line": .record([
      CandidField(label: CandidLabel(id: 0), type: .float64),
      CandidField(label: CandidLabel(id: 1), type: .float64),
    ]), "box": .record(fields: ["width": .nat8, "height": .int]),
  ])
  let emma = Book(title: "Emma", year: 1815, note: nil, pages: [1, 2])
  let ulysses = Book(title: "Ulysses", year: 1922, note: "long")

  var shelf: Shelf {
    Shelf(
      owner: .anonymous, books: [emma, ulysses], marks: ["good": 1.5, "bad": -2], cover: [1, 2],
      total: 5, kind: .essay)
  }

  private func refusal(_ body: () throws -> Void) throws -> CandidError {
    try #require(#expect(throws: CandidError.self) { try body() })
  }

  @Test("structures come back at inferred types, by the hashes of names")
  func inferred() throws {
    #expect(try CandidCoder.decode(Shelf.self, from: CandidCoder.encode(shelf)) == shelf)
    let value = try CandidCoder.value(of: emma)
    #expect(
      value
        == .record(fields: [
          "title": .text("Emma"), "year": .int64(1815), "pages": .vec([.nat16(1), .nat16(2)]),
        ]))
  }

  @Test("structures come back at given types")
  func given() throws {
    let type = CandidType.record(fields: [
      "owner": .text, "books": .vec(Self.bookType), "cover": .blob, "total": .nat,
      "marks": .vec(
        .record([
          CandidField(label: CandidLabel(id: 0), type: .text),
          CandidField(label: CandidLabel(id: 1), type: .float32),
        ])), "kind": .variant(cases: ["novel": .null, "essay": .null]),
    ])
    #expect(
      try refusal { _ = try CandidCoder.value(of: shelf, as: type) }.message.contains("owner"))
    var fitting = type
    if case .record(let fields) = type {
      fitting = .record(fields.map { $0.label == "owner" ? CandidField("owner", .principal) : $0 })
    }
    let signature = try CandidSignature([fitting])
    let message = try CandidCoder.encode(shelf, as: signature)
    #expect(try CandidCoder.decode(Shelf.self, from: message, as: signature) == shelf)
    #expect(
      try CandidCoder.value(of: emma, as: Self.bookType)
        == .record(fields: [
          "title": .text("Emma"), "year": .nat16(1815), "note": .opt(nil),
          "pages": .vec([.nat(1), .nat(2)]),
        ]))
  }

  @Test(
    "enumerations are variants where the type is one",
    arguments: [
      (Shape.point, CandidValue.variant("point")),
      (.circle(2), .variant("circle", .float64(2))),
      (
        .box(width: 2, height: 3),
        .variant("box", .record(fields: ["width": .nat8(2), "height": .int(3)]))
      ),
    ])
  func variants(shape: Shape, expected: CandidValue) throws {
    let value = try CandidCoder.value(of: shape, as: Self.shapeType)
    #expect(value == expected)
    #expect(try CandidCoder.read(Shape.self, from: value) == shape)
  }

  @Test("enumerations come back, from either form")
  func enumerations() throws {
    let shapes: [Shape] = [
      .line(1, 2), .book(emma), .point, .circle(.pi), .box(width: 1, height: -1), .book(ulysses),
    ]
    let signature = try CandidSignature([.vec(Self.shapeType)])
    let message = try CandidCoder.encode(shapes, as: signature)
    #expect(try CandidCoder.decode([Shape].self, from: message, as: signature) == shapes)
    #expect(try CandidCoder.read([Shape].self, from: CandidCoder.value(of: shapes)) == shapes)
    let kind = try CandidCoder.value(of: Kind.novel, as: .variant(cases: ["novel": .null]))
    #expect(kind == .variant("novel"))
    #expect(try CandidCoder.read(Kind.self, from: kind) == .novel)
    let unknown = CandidValue.variant("poem")
    #expect(throws: CandidError.self) { try CandidCoder.read(Kind.self, from: unknown) }
  }

  @Test(
    "absent values of a case come back",
    arguments: [
      Sparse.one(nil), .one(1), .two(nil, nil), .two(1, nil), .two(nil, "b"), .named(a: nil),
      .named(a: 1),
    ])
  func sparse(value: Sparse) throws {
    let type = try CandidText.parseType(
      """
      variant {
        one : opt int; two : record { opt nat8; opt text }; named : record { a : opt nat }
      }
      """)
    let signature = try CandidSignature([type])
    let message = try CandidCoder.encode(value, as: signature)
    #expect(try CandidCoder.decode(Sparse.self, from: message, as: signature) == value)
    let inferred = try CandidCoder.value(of: [value])
    #expect(try CandidCoder.read([Sparse].self, from: inferred) == [value])
  }

  @Test("a peer's further fields are dropped, its missing optional ones are nil")
  func peers() throws {
    let sent = CandidValue.record(fields: [
      "year": .nat8(99), "extra": .text("?"), "title": .text("Emma"), "pages": .vec([]),
    ])
    let book = try CandidCoder.decode(Book.self, from: CandidBinary.encode([sent]))
    #expect(book == Book(title: "Emma", year: 99, note: nil))
  }

  @Test("optional values, and lists of them, are opts")
  func optionals() throws {
    let some: [Int?] = [1, nil, 3]
    let value = try CandidCoder.value(of: some)
    #expect(value == .vec([.opt(.int64(1)), .opt(nil), .opt(.int64(3))]))
    #expect(try CandidCoder.read([Int?].self, from: value) == some)
    #expect(try CandidCoder.decode(Int?.self, from: CandidCoder.encode(Int?.none)) == nil)
    #expect(try CandidCoder.decode([Int].self, from: CandidCoder.encode([Int]())) == [])
  }

  @Test("keys with numbers are field numbers, and dictionaries lists of pairs")
  func keys() throws {
    let numbered = Numbered(first: "a", other: 2)
    let value = try CandidCoder.value(of: numbered)
    #expect(value.inferredType.description == "record { 0 : text; 7 : int64 }")
    #expect(try CandidCoder.read(Numbered.self, from: value) == numbered)
    let numbers = [3: [true], -4: []]
    #expect(
      try CandidCoder.decode([Int: [Bool]].self, from: CandidCoder.encode(numbers)) == numbers)
  }

  @Test("a class comes back with its superclass")
  func superclasses() throws {
    let dog = Dog()
    dog.name = "Ida"
    let read = try CandidCoder.decode(Dog.self, from: CandidCoder.encode(dog))
    #expect((read.name, read.tricks) == ("Ida", 3))
  }

  @Test("errors tell the path")
  func paths() throws {
    let old = Book(title: "", year: -1, note: nil)
    #expect(
      try refusal { _ = try CandidCoder.value(of: [emma, old], as: .vec(Self.bookType)) }.message
        == "at 1.year: the number is out of the range of nat16")
    let short = CandidValue.vec([.record(fields: ["title": .text("a")])])
    #expect(
      try refusal { _ = try CandidCoder.read([Book].self, from: short) }.message
        == "at 0.year: nothing is given, an integer is expected")
    #expect(
      try refusal { _ = try CandidCoder.read(UInt8.self, from: .int(256)) }.code == .typeMismatch)
    #expect(throws: CandidError.self) { try CandidCoder.decode(Int.self, from: [1, 2]) }
  }

  @Test("what contains itself is refused, as value and as type")
  func endless() throws {
    let link = Link()
    link.next = link
    defer { link.next = nil }
    #expect(try refusal { _ = try CandidCoder.value(of: link) }.code == .limitExceeded)
    let environment = CandidTypeEnvironment(["T": .opt(.named("T"))])
    #expect(
      try refusal { _ = try CandidCoder.value(of: 1, as: .named("T"), in: environment) }.code
        == .limitExceeded)
  }

  @Test("lists of a hundred thousand numbers come back")
  func long() throws {
    let numbers = (0..<100_000).map(Double.init)
    #expect(try CandidCoder.decode([Double].self, from: CandidCoder.encode(numbers)) == numbers)
    let bytes = numbers.map { UInt8(truncatingIfNeeded: Int($0)) }
    #expect(try CandidCoder.value(of: bytes) == .blob(bytes))
    #expect(
      try CandidCoder.value(of: bytes, as: .vec(.nat64)) == .vec(bytes.map { .nat64(UInt64($0)) }))
  }

  @Test("other coders see principals, integers and values as text")
  func otherCoders() throws {
    let json = try JSONEncoder().encode([Principal.anonymous])
    #expect(String(decoding: json, as: UTF8.self) == #"["2vxsx-fae"]"#)
    #expect(try JSONDecoder().decode([Principal].self, from: json) == [.anonymous])
    let values: [CandidValue] = [.nat8(4), .record(fields: ["a": .opt(.text("b"))])]
    #expect(
      try JSONDecoder().decode([CandidValue].self, from: JSONEncoder().encode(values)) == values)
    #expect(try CandidCoder.value(of: values[1]) == values[1])
  }
}
