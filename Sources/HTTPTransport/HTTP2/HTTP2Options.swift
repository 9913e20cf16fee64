import CNghttp2

/// How a session of nghttp2 is set up; one for all sessions of a server.
final class HTTP2Options {
  /// Nil when memory is lacking; sessions then use nghttp2's defaults.
  let pointer: OpaquePointer?

  /// PING and SETTINGS acknowledgements that may wait; a peer that provokes more is flooding.
  private static let maxPendingAcknowledgements = 1_000
  private static let maxSettingsEntries = 32

  init() {
    var option: OpaquePointer?
    nghttp2_option_new(&option)
    pointer = option
    guard let option else { return }
    // Windows open as bodies are taken, not as frames arrive.
    nghttp2_option_set_no_auto_window_update(option, 1)
    nghttp2_option_set_max_outbound_ack(option, HTTP2Options.maxPendingAcknowledgements)
    nghttp2_option_set_max_settings(option, HTTP2Options.maxSettingsEntries)
    // Closed streams are kept for the priority tree of RFC 7540, which nobody uses any more.
    nghttp2_option_set_no_closed_streams(option, 1)
    // The server counts resets in both directions by itself, with limits that can be raised.
    nghttp2_option_set_stream_reset_rate_limit(option, UInt64.max, UInt64.max)
  }

  deinit { nghttp2_option_del(pointer) }
}

/// Space for the field array of one answer; nghttp2 copies the array, not the bytes it refers to.
///
/// Its state lies behind a pointer, so that a class keeps it as a constant.
struct HTTP2FieldScratch: ~Copyable {
  private struct State {
    var fields: UnsafeMutablePointer<nghttp2_nv>
    var capacity: Int
    var count = 0
  }

  private let state: UnsafeMutablePointer<State>

  init() {
    state = .allocate(capacity: 1)
    state.initialize(to: State(fields: .allocate(capacity: 32), capacity: 32))
  }

  deinit {
    state.pointee.fields.deallocate()
    state.deallocate()
  }

  var fields: UnsafeMutablePointer<nghttp2_nv> { state.pointee.fields }

  var count: Int { state.pointee.count }

  func begin(capacity needed: Int) {
    state.pointee.count = 0
    guard needed > state.pointee.capacity else { return }
    state.pointee.fields.deallocate()
    state.pointee.capacity = needed
    state.pointee.fields = .allocate(capacity: needed)
  }

  func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    guard state.pointee.count < state.pointee.capacity else { return }
    state.pointee.fields.advanced(by: state.pointee.count).initialize(
      to: nghttp2_nv(
        name: HTTP2FieldScratch.pointer(name), value: HTTP2FieldScratch.pointer(value),
        namelen: name.count, valuelen: value.count, flags: HTTP2FieldScratch.flags))
    state.pointee.count += 1
  }

  func add(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
    add(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), value)
  }

  private static let flags = UInt8(
    truncatingIfNeeded: NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue
      | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)

  /// nghttp2 takes mutable pointers and does not write through them. An empty value needs an
  /// address too.
  private static func pointer(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutablePointer<UInt8> {
    let empty: StaticString = ""
    let address = bytes.baseAddress ?? UnsafeRawPointer(empty.utf8Start)
    return UnsafeMutablePointer(mutating: address.assumingMemoryBound(to: UInt8.self))
  }
}
