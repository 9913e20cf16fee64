import Testing

/// What runs real processes, one suite after the other: each waits on a thread of its own, and
/// several would take the threads of all other tests.
@Suite(.serialized) enum EndToEnd {}
