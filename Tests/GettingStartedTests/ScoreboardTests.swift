import ScaledStorage
import ScaledStorageTesting
import Testing

@Test("Scores add up, also while nodes join and after a loss of power")
func scores() throws {
  let cluster = try TestCluster(scoreboard(), nodes: 2)
  for number in 0..<100 {
    let name = "player \(number)"
    #expect(try cluster.call("add_score", name, 2, as: Int.self) == 2)
  }
  try cluster.scale(to: 4)
  try cluster.crashAll()
  for number in 0..<100 {
    let name = "player \(number)"
    #expect(try cluster.call("add_score", name, 3, as: Int.self) == 5)
  }
}

@Test("Points that are none are refused")
func refusal() throws {
  let cluster = try TestCluster(scoreboard())
  let error = #expect(throws: CallError.self) {
    try cluster.call("add_score", "ada", 0, as: Int.self)
  }
  #expect(error?.code == "bad_arguments")
  #expect(try cluster.value(of: "ada") == nil)
}
