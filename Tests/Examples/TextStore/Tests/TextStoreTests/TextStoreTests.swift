import ScaledStorage
import ScaledStorageTesting
import Testing
import TextStore

@Suite struct TextStoreTests {
  @Test("What was stored is read, wherever it is asked for")
  func storedIsRead() throws {
    let cluster = try TestCluster(textStore, nodes: 3)
    #expect(try cluster.call("update_data", "greeting", "hello", as: String.self) == "hello")
    for node in cluster.nodes {
      let answer = try cluster.ask(node.id, "get_data", "greeting", as: String?.self)
      switch answer {
      case .result(let text): #expect(text == "hello")
      case .nodeID(let owner): #expect(owner == cluster.owner(of: "greeting"))
      }
    }
    #expect(try cluster.query("get_data", "absent", as: String?.self) == nil)
  }

  @Test("The store grows by its rule and keeps every text")
  func growth() throws {
    let cluster = try TestCluster(textStore)
    for number in 0..<200 {
      _ = try cluster.call("update_data", "key \(number)", "text \(number)", as: String.self)
    }
    try cluster.settle()
    #expect(cluster.nodes.count >= 4)
    #expect(cluster.nodes.allSatisfy { $0.keys <= 50 })
    for number in 0..<200 {
      let text = try cluster.query("get_data", "key \(number)", as: String?.self)
      #expect(text == "text \(number)")
    }
  }

  @Test("What was answered survives the loss of power")
  func powerLoss() throws {
    let cluster = try TestCluster(textStore, nodes: 2)
    _ = try cluster.call("update_data", "kept", "text", as: String.self)
    try cluster.crashAll()
    #expect(try cluster.query("get_data", "kept", as: String?.self) == "text")
  }
}
