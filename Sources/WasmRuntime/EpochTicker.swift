import CWasmtime
import Glibc
import Synchronization

/// Advances an engine's epoch, by which calls notice that their time is up: a thread that wakes
/// each ``WasmEngine/tick``.
final class EpochTicker: Sendable {
  /// What the thread needs, apart from the ticker, so that the thread does not keep it alive.
  private final class Work: @unchecked Sendable {
    // Unchecked because Wasmtime lets any thread advance the epoch, and the rest never changes.
    let library: WasmLibrary
    let engine: OpaquePointer
    let isStopped = Atomic(false)

    init(library: WasmLibrary, engine: OpaquePointer) {
      self.library = library
      self.engine = engine
    }

    func run() {
      let pause = WasmEngine.tick.components.attoseconds / 1_000_000_000
      while !isStopped.load(ordering: .relaxed) {
        var time = timespec(tv_sec: 0, tv_nsec: Int(pause))
        nanosleep(&time, nil)
        library.functions.pointee.wasmtime_engine_increment_epoch(engine)
      }
    }
  }

  private let work: Work
  private let thread: pthread_t

  /// - Throws: `WasmError` `.unavailable` when the system gives no thread.
  init(library: WasmLibrary, engine: OpaquePointer) throws(WasmError) {
    let work = Work(library: library, engine: engine)
    self.work = work
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(work)
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, argument.toOpaque())
    guard status == 0 else {
      argument.release()
      throw WasmError(.unavailable, "the system gives no thread for the deadlines of calls")
    }
    self.thread = thread
  }

  /// Ends the thread, which takes up to one tick: afterwards the engine may go. Called once.
  func stop() {
    work.isStopped.store(true, ordering: .relaxed)
    pthread_join(thread, nil)
  }
}
