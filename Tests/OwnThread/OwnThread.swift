public import Testing

/// Runs each test on a thread of its own: for those that wait for real processes, and would else
/// take the few threads that all other tests share.
public struct OwnThread: SuiteTrait, TestTrait, TestScoping {
  public var isRecursive: Bool { true }

  public func provideScope(
    for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
  ) async throws {
    let executor = ThreadExecutor()
    defer { executor.end() }
    try await withTaskExecutorPreference(executor) { try await body() }
  }
}

extension Trait where Self == OwnThread {
  /// Runs each test on a thread of its own.
  public static var onOwnThread: Self { OwnThread() }
}
