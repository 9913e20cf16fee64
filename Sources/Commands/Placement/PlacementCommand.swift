import ArgumentParser

/// `scaled-storage placement`.
struct PlacementCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "placement", abstract: "Compute hashes and owners of keys, without a cluster.",
    subcommands: [Batch.self])

  /// `scaled-storage placement batch`.
  struct Batch: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "batch", abstract: "Answer JSON lines from standard input, one for one.",
      discussion: """
        HighwayHash-64 of bytes given in hexadecimal, under a key of four 64-bit lanes:

          {"op":"highway64","key":["0x0","0x0","0x0","0x0"],"hex":"616263"}
          {"hash":"0x…","ok":true}

        The owners of keys after joins and leaves, in order; variant is reference (the original's \
        placement) or production, key is optional. A join or leave that a ring refuses changes \
        nothing, and its index is in "refused":

          {"op":"ring","variant":"reference","capacity":9,"ops":[["add","a"]],"keys":["k"]}
          {"digest":"…","ok":true,"owners":["a"]}

        What cannot be read is answered {"error":"…","ok":false}.
        """)

    func run() throws {
      try BatchLines.run(PlacementBatch.answer)
    }
  }
}
