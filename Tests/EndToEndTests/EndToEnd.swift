import OwnThread
import Testing

/// What runs real processes, one suite after the other, so that they do not take the machine from
/// all other tests.
@Suite(.serialized, .onOwnThread) enum EndToEnd {}
