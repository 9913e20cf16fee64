import HTTPTransport

/// What a thread's requests are: key, operation and size, from a seed.
struct RequestChoices {
  private var chooser: KeyChooser
  private var generator: SplitMix64
  private let readRatio: Double
  private let smallest: Int
  /// How many sizes there are.
  private let sizes: UInt64
  /// For what else the thread chooses at random.
  let seed: UInt64

  init(_ plan: BenchPlan, thread: Int) {
    var seeds = SplitMix64(seed: plan.seed)
    for _ in 0..<thread { _ = seeds.next() }
    generator = SplitMix64(seed: seeds.next())
    seed = generator.next()
    chooser = KeyChooser(plan.distribution, keys: plan.keys, share: (thread, plan.threads))
    readRatio = plan.readRatio
    let sizes = plan.call?.hasPayload == false ? 0...0 : plan.valueBytes
    smallest = sizes.lowerBound
    self.sizes = UInt64(sizes.count)
  }

  mutating func isWrite() -> Bool { generator.unit() >= readRatio }

  mutating func next(intended: UInt64, sent: UInt64) -> LoadRequest {
    let isWrite = isWrite()
    let bytes = isWrite ? smallest + Int(generator.below(sizes)) : 0
    return LoadRequest(
      intended: intended, sent: sent, key: chooser.next(&generator), isWrite: isWrite,
      bodyBytes: bytes)
  }
}
