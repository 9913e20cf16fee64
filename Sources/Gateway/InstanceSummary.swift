/// What the instances of a pool are, those that hold no node of the cluster with their names.
package struct InstanceSummary: Hashable, Sendable {
  package var total: Int
  /// How many hold a node of the cluster.
  package var holding: Int
  package var blank: [String]
  /// Those that do not answer, each with why.
  package var silent: [String]
  /// Those that hold a node of another cluster.
  package var foreign: [String]

  /// In a sentence's end.
  var sentence: String {
    "\(holding) of \(total) hold nodes, \(blank.count) are blank"
      + (foreign.isEmpty ? "" : ", \(foreign.count) belong to another cluster")
      + (silent.isEmpty ? "" : ", \(silent.count) do not answer (\(silent[0]))")
  }
}
