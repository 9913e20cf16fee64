import Glibc
import ScaledStorage
import ScaledStorageService
import Sessions

// Every node reads it: `up` gives its environment to the nodes that it starts.
let token = getenv("SESSIONS_TOKEN").map { String(cString: $0) } ?? ""
guard !token.isEmpty else {
  fputs("session-server: set SESSIONS_TOKEN to what callers have to present\n", stderr)
  exit(64)
}
makeSessions(token: token).run()
