import Glibc
import HTTPTransport
import Logging
import Testing

@testable import ScaledStorageService

@Suite("What a service manager is told", .timeLimit(.minutes(1)))
struct ServiceNotifierTests {
  /// A service manager's end of the socket.
  private final class Manager {
    let name: String
    private let descriptor: Descriptor
    private let folder: TemporaryFolder

    init(isAbstract: Bool) throws {
      let number = UInt64.random(in: .min ... .max)
      folder = try TemporaryFolder()
      name = isAbstract ? "@scaled-storage-\(number)" : folder.path + "/notify"
      let raw = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
      descriptor = Descriptor(owning: raw)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { place in
        place.copyBytes(from: name.utf8)
        if isAbstract { place[0] = 0 }
      }
      // The length is part of an abstract name.
      let length = socklen_t(2 + name.utf8.count + (isAbstract ? 0 : 1))
      let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(raw, $0, length) }
      }
      try #require(status == 0)
    }

    /// The lines of the next message; nil when there is none.
    func next() -> [String]? {
      var bytes = [UInt8](repeating: 0, count: 4_096)
      let count = recv(descriptor.rawValue, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      guard count >= 0 else { return nil }
      return String(decoding: bytes[..<count], as: UTF8.self)
        .split(separator: "\n").map(String.init)
    }

    func all() -> [[String]] {
      var messages: [[String]] = []
      while let message = next() { messages.append(message) }
      return messages
    }
  }

  private let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func notifier(
    _ loop: EventLoop, _ variables: [String: String]
  ) -> ServiceNotifier {
    ServiceNotifier(loop: loop, logger: silent) { variables[$0] }
  }

  @Test(
    "It hears that the program serves and how, that files are read again, and the end",
    arguments: [false, true])
  func life(isAbstract: Bool) throws {
    let manager = try Manager(isAbstract: isAbstract)
    let loop = try EventLoop()
    let notifier = notifier(loop, ["NOTIFY_SOCKET": manager.name])
    var hasRead = false
    notifier.reloading { hasRead = true }
    #expect(hasRead && manager.next() == nil, "one that starts does not reload")
    notifier.starts("opens its store")
    #expect(manager.all() == [["STATUS=opens its store"]])
    notifier.serves { "node 3\nREADY=0" }
    notifier.starts("again")
    notifier.serves { "another" }
    #expect(manager.all() == [["READY=1", #"STATUS=node 3\nREADY=0"#]])

    notifier.reloading { #expect(manager.next()?.first == "RELOADING=1") }
    #expect(manager.all() == [["READY=1"]])

    notifier.stops()
    #expect(manager.all() == [["STOPPING=1", "STATUS=ends: answers what has come"]])
  }

  @Test("It hears of another state, and not again of the same")
  func status() throws {
    let manager = try Manager(isAbstract: true)
    let loop = try EventLoop()
    let notifier = notifier(loop, ["NOTIFY_SOCKET": manager.name])
    var asked = 0
    notifier.serves {
      asked += 1
      if asked == 4 { loop.stop() }
      return asked < 3 ? "blank" : "serves"
    }
    loop.run()
    #expect(manager.all() == [["READY=1", "STATUS=blank"], ["STATUS=serves"]])
  }

  @Test("While the loop turns, its watchdog hears of it; that of another process does not")
  func watchdog() throws {
    let manager = try Manager(isAbstract: false)
    var variables = ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "30000"]
    variables["WATCHDOG_PID"] = String(getpid())
    let loop = try EventLoop()
    let watched = notifier(loop, variables)
    watched.serves { "serves" }
    #expect(manager.next() == ["READY=1", "WATCHDOG_USEC=30000", "STATUS=serves"])
    var pings = 0
    func look() {
      while let message = manager.next() {
        #expect(message == ["WATCHDOG=1"])
        pings += 1
      }
      if pings >= 5 { return loop.stop() }
      loop.schedule(after: .milliseconds(1), look)
    }
    look()
    loop.run()
    watched.beginsAnew()
    #expect(manager.all().last?.first == "RELOADING=1", "it is no end for the manager")
    watched.suspendsWatchdog()
    #expect(manager.all() == [["WATCHDOG_USEC=0"]])

    variables["WATCHDOG_PID"] = "1"
    let other = notifier(loop, variables)
    other.serves { "serves" }
    other.suspendsWatchdog()
    #expect(manager.all() == [["READY=1", "STATUS=serves"]])
  }

  @Test("What a manager that is busy does not take, it hears later")
  func busy() throws {
    let manager = try Manager(isAbstract: false)
    let loop = try EventLoop()
    let notifier = notifier(loop, ["NOTIFY_SOCKET": manager.name])
    let filler = try NotifySocket(manager.name)
    while filler.send("FILL=1") == nil {}
    notifier.serves { "serves" }
    var heard: [[String]] = []
    func look() {
      heard += manager.all().filter { $0 != ["FILL=1"] }
      if !heard.isEmpty { return loop.stop() }
      loop.schedule(after: .milliseconds(1), look)
    }
    loop.schedule(after: .milliseconds(1), look)
    loop.run()
    #expect(heard == [["READY=1", "STATUS=serves"]])
  }

  @Test(
    "Without one, or with one that cannot be told, the program just runs",
    arguments: [
      nil, "", "relative", "vsock:2:1", "/nowhere/notify", "@" + String(repeating: "x", count: 200),
    ])
  func nobody(socket: String?) throws {
    let loop = try EventLoop()
    let notifier = notifier(
      loop, ["WATCHDOG_USEC": "1000", "NOTIFY_SOCKET": socket].compactMapValues { $0 })
    notifier.serves { "serves" }
    notifier.reloading {}
    notifier.beginsAnew()
    notifier.suspendsWatchdog()
    notifier.stops()
  }
}
