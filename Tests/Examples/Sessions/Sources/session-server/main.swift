import Foundation
import ScaledStorage
import ScaledStorageService
import Sessions

// Every node reads it: `up` gives its environment to the nodes that it starts.
let token = ProcessInfo.processInfo.environment["SESSIONS_TOKEN"] ?? ""
guard !token.isEmpty else {
  let message = "session-server: set SESSIONS_TOKEN to what callers have to present\n"
  FileHandle.standardError.write(Data(message.utf8))
  exit(64)
}
makeSessions(token: token).run()
