import Cluster
import Testing

@testable import WireProtocol

struct EntityTags {
  @Test(arguments: ["\"17\"", " \"1\" , \"17\"", "W/\"17\"", "\"x\",W/\"17\"", "*", " * "])
  func anIfNoneMatchThatNamesTheTagIsFound(header: String) {
    #expect(EntityTag.list(header, has: "\"17\""))
  }

  @Test(arguments: ["\"1\"", "17", "\"171\"", "", "\"1\", W/\"7\"", "\"*\""])
  func anIfNoneMatchOfOthersIsNone(header: String) {
    #expect(!EntityTag.list(header, has: "\"17\""))
  }

  @Test func aVersionIsWrittenInDigitsOnly() {
    #expect(EntityTag.version(" \"17\" ") == Version(17))
    for text in ["\"+17\"", "\"-1\"", "\"\"", "17", "W/\"17\"", "\"0x11\""] {
      #expect(EntityTag.version(text) == nil)
    }
  }
}
