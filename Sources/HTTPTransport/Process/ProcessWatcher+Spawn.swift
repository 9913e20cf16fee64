import CLinux
import Glibc

/// Where a started process writes.
public enum ProcessOutput: Hashable, Sendable {
  /// Nowhere.
  case discard
  /// A copy of this descriptor.
  case descriptor(Int32)
  /// The end of this file, which is created when it is missing (mode 0644).
  case file(String)
}

extension ProcessWatcher {
  /// Starts a program and returns its process number.
  ///
  /// `executable` is a path: the search path is not consulted. `arguments` come without the
  /// program's own name. `environment` is the whole environment, as `NAME=value`.
  ///
  /// The program reads from `/dev/null`, has no descriptor but the three standard ones, no blocked
  /// signals, and default handlers. With `newSession` it has its own session: it outlives the
  /// terminal and does not receive its Ctrl-C. Throws `.system` when it cannot be started.
  public static func spawn(
    executable: String, arguments: [String], environment: [String],
    standardOutput: ProcessOutput = .discard, standardError: ProcessOutput = .discard,
    newSession: Bool = true
  ) throws(TransportError) -> Int32 {
    var attributes = posix_spawnattr_t()
    var actions = posix_spawn_file_actions_t()
    posix_spawnattr_init(&attributes)
    posix_spawn_file_actions_init(&actions)
    defer {
      posix_spawnattr_destroy(&attributes)
      posix_spawn_file_actions_destroy(&actions)
    }
    prepare(&attributes, newSession: newSession)
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    // Copies above the standard three, so that redirecting one cannot overwrite another's source.
    let output = try copy(standardOutput)
    let error = try copy(standardError)
    add(standardOutput, copy: output.rawValue, as: 1, to: &actions)
    add(standardError, copy: error.rawValue, as: 2, to: &actions)
    scaled_add_close_from(&actions, 3)

    let argv = CStrings([executable] + arguments)
    let envp = CStrings(environment)
    var process: pid_t = 0
    let status = posix_spawn(&process, executable, &actions, &attributes, argv.base, envp.base)
    guard status == 0 else {
      throw TransportError(
        .system, "cannot start '\(executable)': \(systemMessage(status))", systemError: status)
    }
    return process
  }

  private static func prepare(_ attributes: inout posix_spawnattr_t, newSession: Bool) {
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    var flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
    if newSession { flags |= scaled_posix_spawn_setsid }
    posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))
  }

  private static func copy(_ output: ProcessOutput) throws(TransportError) -> Descriptor {
    guard case .descriptor(let source) = output else { return Descriptor(owning: -1) }
    let copy = fcntl(source, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw .system("fcntl", errno) }
    return Descriptor(owning: copy)
  }

  private static func add(
    _ output: ProcessOutput, copy: Int32, as target: Int32,
    to actions: inout posix_spawn_file_actions_t
  ) {
    switch output {
    case .discard:
      posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_WRONLY, 0)
    case .descriptor:
      posix_spawn_file_actions_adddup2(&actions, copy, target)
    case .file(let path):
      posix_spawn_file_actions_addopen(
        &actions, target, path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    }
  }
}

/// A null-terminated vector of C strings.
private struct CStrings: ~Copyable {
  let base: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    base = .allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() {
      base.advanced(by: index).initialize(to: strdup(string))
    }
    base.advanced(by: count).initialize(to: nil)
  }

  deinit {
    for index in 0..<count { free(base[index]) }
    base.deallocate()
  }
}
