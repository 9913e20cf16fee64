import Candid

/// Measures the workloads and a plain copy of as many bytes, in turns.
struct CandidBenchmark {
  struct Figure: Encodable {
    var message: String
    var work: String
    var bytes: Int
    /// The median of the rounds.
    var nanoseconds: Double
    /// Of a copy of as many bytes into memory that is there, in the same rounds.
    var copyNanoseconds: Double
    var ratio: Double
  }

  let rounds: Int
  /// How long one workload runs in one round, in nanoseconds.
  private let slice = 500_000.0

  func run() throws(CandidError) -> [Figure] {
    var figures: [Figure] = []
    for workload in try CandidWorkloads.all() {
      figures.append(try measure(workload))
    }
    return figures
  }

  private func measure(_ workload: CandidWorkload) throws(CandidError) -> Figure {
    let copy = PlainCopy.workload(workload.byteCount)
    let times = try iterations(workload)
    let copies = try iterations(copy)
    var samples: [Double] = []
    var copySamples: [Double] = []
    for _ in 0..<rounds {
      samples.append(try time(workload, times))
      copySamples.append(try time(copy, copies))
    }
    let nanoseconds = median(samples)
    let copyNanoseconds = median(copySamples)
    return Figure(
      message: workload.message, work: workload.work, bytes: workload.byteCount,
      nanoseconds: nanoseconds, copyNanoseconds: copyNanoseconds,
      ratio: nanoseconds / max(copyNanoseconds, 0.1))
  }

  /// How many times fill a slice, found by doubling, which also warms the caches. The quickest of
  /// some trials counts: the first take their memory from the system, and fill a slice by that.
  private func iterations(_ workload: CandidWorkload) throws(CandidError) -> Int {
    var times = 1
    while true {
      var quickest = Double.infinity
      for _ in 0..<5 { quickest = min(quickest, try time(workload, times)) }
      guard quickest * Double(times) < slice else { return times }
      times *= 2
    }
  }

  /// Nanoseconds for doing it once.
  private func time(_ workload: CandidWorkload, _ times: Int) throws(CandidError) -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    Blackhole.consume(try workload.run(times))
    let elapsed = start.duration(to: clock.now).components
    let nanoseconds = Double(elapsed.seconds) * 1e9 + Double(elapsed.attoseconds) / 1e9
    return nanoseconds / Double(times)
  }

  private func median(_ samples: [Double]) -> Double {
    let sorted = samples.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
  }
}

/// The least that any codec must do.
private enum PlainCopy {
  static func workload(_ byteCount: Int) -> CandidWorkload {
    let source = Memory(byteCount)
    let target = Memory(byteCount)
    return CandidWorkload(message: "", work: "copy", byteCount: byteCount) { times in
      for _ in 0..<times { copy(source, target) }
      return Int(target.bytes.first ?? 0)
    }
  }

  /// Not inlined, so that each copy is made.
  @inline(never)
  private static func copy(_ source: Memory, _ target: Memory) {
    target.bytes.copyMemory(from: UnsafeRawBufferPointer(source.bytes))
  }

  private final class Memory {
    let bytes: UnsafeMutableRawBufferPointer

    init(_ byteCount: Int) {
      bytes = .allocate(byteCount: byteCount, alignment: 64)
      _ = bytes.initializeMemory(as: UInt8.self, repeating: 1)
    }

    deinit { bytes.deallocate() }
  }
}

/// Where results go, so that no compiler may leave out the work that made them.
private enum Blackhole {
  @inline(never)
  static func consume(_ value: Int) {
    if value == .min { print("") }
  }
}
