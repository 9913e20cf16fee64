/// How values of a sender's types become values of the types expected (Candid spec, "Coercion"):
/// what there is to decide about the types alone, decided once.
struct CoercionPlan: Sendable {
  /// What to do with one value. Numbers of further steps refer to `steps`.
  enum Step: Sendable {
    /// The same in both types: checked, and copied as it lies.
    case copy(TypeReference)
    /// Unsigned LEB128 becomes signed.
    case natToInt
    /// Wanted as `reserved`, which has no bytes.
    case drop(TypeReference)
    /// An opt at an opt.
    case optional(content: TypeReference, Int)
    /// A value that is no opt, at an opt.
    case present(content: TypeReference, Int)
    /// A `null` or `reserved` at an opt.
    case absent
    case vector(element: TypeReference, Int)
    /// Parts of a record, in the order of ids.
    case record(parts: Range<Int>, defaults: Int)
    /// Parts of a variant, one for each case of the sender's.
    case variant(parts: Range<Int>)
    /// A service reference at a principal is the same bytes; it and functions are checked whole.
    case reference(TypeReference)
    /// No value of the type can be coerced. The number of a message.
    case mismatch(Int)
    /// No value of the type exists.
    case empty
  }

  /// A field of a record, an argument, or a case of a variant.
  struct Part: Sendable {
    enum Action: Sendable {
      case read(Int)
      /// The receiver has no such field.
      case drop
      /// The sender has no such field, and the receiver an opt: one byte.
      case absent
      /// The sender has no such field; the number of a message, `none` for a type without bytes.
      case missing(Int)
      /// The receiver's variant has no such case.
      case noCase
    }

    static let none = -1

    let action: Action
    /// The sender's type, and for a case of a variant the receiver's index.
    let type: TypeReference
    var target = 0
    /// The number of its label, for messages.
    let label: Int
  }

  var steps: [Step] = []
  var parts: [Part] = []
  var messages: [String] = []
  var labels: [CandidLabel] = []
  /// The arguments, as the parts of a record.
  var arguments = 0..<0
  let layout: TypeLayout
  /// The steps of work that making the plan took.
  var cost = 0
}
