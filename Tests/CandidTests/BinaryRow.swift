import Testing

@testable import Candid

/// A message in hexadecimal digits behind its `DIDL`, and what reading it at some types must give.
struct BinaryRow: CustomTestStringConvertible, Sendable {
  enum Outcome: Sendable {
    /// In the text format.
    case values(String)
    case fails(CandidError.Code)
  }

  let rule: String
  let message: [UInt8]
  let types: String
  let outcome: Outcome

  /// Anything but digits parts them for the eye.
  init(_ rule: String, _ digits: String, _ types: String, _ values: String) {
    self.init(rule, digits, types, .values(values))
  }

  init(_ rule: String, _ digits: String, _ types: String, _ code: CandidError.Code) {
    self.init(rule, digits, types, .fails(code))
  }

  private init(_ rule: String, _ digits: String, _ types: String, _ outcome: Outcome) {
    self.rule = rule
    message = Array("DIDL".utf8) + bytes(digits.filter(\.isHexDigit))
    self.types = types
    self.outcome = outcome
  }

  var testDescription: String { rule }

  /// Types that refer to themselves, for the rows to use.
  static let definitions = """
    type List = opt record { 0 : int; 1 : List };
    type Fun = func (Fun) -> ();
    type Service = service { m : () -> (Service) };
    type Tree = record { 0 : vec Tree };
    type Opt = opt Opt;
    """

  func check() throws {
    let environment = try CandidInterface(parsing: Self.definitions).environment
    let signature = try CandidSignature(CandidText.parseTypes(types), in: environment)
    switch outcome {
    case .values(let text):
      let expected = try CandidText.parseArguments(Array(text.utf8), as: signature)
      // Once by a plan made for it, once by the plan that is kept.
      #expect(try CandidBinary.decode(message, as: signature) == expected)
      #expect(try CandidBinary.decode(message, as: signature) == expected)
    case .fails(let code):
      for _ in 0..<2 {
        let error = #expect(throws: CandidError.self) {
          try CandidBinary.decode(message, as: signature)
        }
        #expect(error?.code == code, "\(String(describing: error))")
      }
    }
  }
}
