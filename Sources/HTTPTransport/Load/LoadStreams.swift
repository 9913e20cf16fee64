/// A stream of a ``LoadConnection``, in a place that is used again and never moves.
struct LoadStream {
  var request = LoadRequest(intended: 0, sent: 0, key: 0, isWrite: false, bodyBytes: 0)
  var id: Int32 = 0
  var status = 0
  /// Bytes of the body that were sent.
  var bodySent = 0
  var received = 0
  /// The response is complete.
  var hasEnded = false
  /// Its end has been told already, when it timed out.
  var isTold = false
  var isUsed = false
  var next: Int32 = -1
}

/// The streams of one connection, with room for what each one's path needs.
struct LoadStreams: ~Copyable {
  let capacity: Int
  private let places: UnsafeMutablePointer<LoadStream>
  private let scratch: UnsafeMutablePointer<UInt8>
  private let scratchBytes: Int
  private var free: Int32 = -1
  /// Streams in use.
  private(set) var count = 0

  init(capacity: Int, scratchBytes: Int) {
    self.capacity = capacity
    self.scratchBytes = scratchBytes
    places = .allocate(capacity: capacity)
    places.initialize(repeating: LoadStream(), count: capacity)
    scratch = .allocate(capacity: capacity * scratchBytes)
    for index in (0..<capacity).reversed() {
      places[index].next = free
      free = Int32(truncatingIfNeeded: index)
    }
  }

  deinit {
    places.deallocate()
    scratch.deallocate()
  }

  /// Nil when all are in use.
  mutating func take(_ request: LoadRequest) -> UnsafeMutablePointer<LoadStream>? {
    guard free >= 0 else { return nil }
    let place = places + Int(free)
    free = place.pointee.next
    count += 1
    place.pointee = LoadStream(request: request, isUsed: true)
    return place
  }

  mutating func give(_ place: UnsafeMutablePointer<LoadStream>) {
    place.pointee.isUsed = false
    place.pointee.next = free
    free = Int32(truncatingIfNeeded: place - places)
    count -= 1
  }

  func scratch(of place: UnsafeMutablePointer<LoadStream>) -> UnsafeMutablePointer<UInt8> {
    scratch + (place - places) * scratchBytes
  }

  /// The used stream with this identifier, by a linear search.
  func search(_ id: Int32) -> UnsafeMutablePointer<LoadStream>? {
    for index in 0..<capacity where places[index].isUsed && places[index].id == id {
      return places + index
    }
    return nil
  }

  /// Calls `body` with each stream in use.
  func forEach(_ body: (UnsafeMutablePointer<LoadStream>) -> Void) {
    for index in 0..<capacity where places[index].isUsed { body(places + index) }
  }
}
