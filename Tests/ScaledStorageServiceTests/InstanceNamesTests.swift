import Testing

@testable import ScaledStorageService

@Suite("The list of --nodes")
struct InstanceNamesTests {
  @Test(
    "Names come in their order, and a range stands for each of its numbers",
    arguments: [
      ("127.0.0.1:1", ["127.0.0.1:1"]), ("a:1, b:2", ["a:1", "b:2"]),
      ("node-{0..2}.nodes:81", ["node-0.nodes:81", "node-1.nodes:81", "node-2.nodes:81"]),
      ("h:{9..10},[::1]:7", ["h:9", "h:10", "[::1]:7"]),
    ])
  func names(text: String, names: [String]) {
    #expect(InstanceNames(text)?.names == names)
  }

  @Test(
    "What is no such list is refused",
    arguments: [
      "", ",", "a", "a:0", "a:70000", ":1", "a:1,a:1", "n-{2..1}:1", "n-{0..}:1", "n-{0..1:1",
      "n-{0..2000}:1", "{0..1}-{0..1}:1", "http://a:1", "a:1,,b:",
    ])
  func malformed(text: String) {
    #expect(InstanceNames(text) == nil)
  }
}
