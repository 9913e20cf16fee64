/// Small WebAssembly modules, put together byte by byte (core specification, section 5).
struct TestModule {
  struct Method {
    var name: String
    var isQuery = false
    /// What it replies, as one Candid text.
    var reply: String
    /// Whether it stores its reply under the key.
    var stores = false
  }

  var methods: [Method]
  var candid: String?
  /// A function that is imported and not called.
  var imported: (module: String, name: String)?

  /// A service of a keyed update, a keyed query and a method without a key, which all reply `mark`.
  static func marked(_ mark: String, more: [Method] = []) -> TestModule {
    let types = more.map { "\($0.name) : () -> (text)\($0.isQuery ? " query" : "");" }.joined()
    return TestModule(
      methods: [
        Method(name: "mark", reply: mark, stores: true),
        Method(name: "peek", isQuery: true, reply: mark), Method(name: "whole", reply: mark),
      ] + more,
      candid: """
        service : { mark : (key : text) -> (text); peek : (key : text) -> (text) query;
        whole : () -> (text); \(types) }
        """)
  }

  var bytes: [UInt8] {
    var imports = [
      ("ic0", "msg_reply_data_append", 1), ("ic0", "msg_reply", 0), ("scaled", "value_set", 1),
    ]
    if let imported { imports.append((imported.module, imported.name, 0)) }
    var code: [[UInt8]] = []
    var data: [[UInt8]] = []
    var offset = 16
    for method in methods {
      let text = Array(method.reply.utf8)
      let reply = Array("DIDL".utf8) + [0, 1, 0x71] + leb(text.count) + text
      var body: [UInt8] = [0] + call(0, offset, reply.count)
      if method.stores { body += call(2, offset, reply.count) }
      body += [0x10, 1, 0x0b]
      code.append(leb(body.count) + body)
      data.append([0, 0x41] + signed(offset) + [0x0b] + leb(reply.count) + reply)
      offset += reply.count
    }
    let exports = methods.enumerated().map { index, method in
      string("canister_\(method.isQuery ? "query" : "update") \(method.name)")
        + [0] + leb(imports.count + index)
    }
    var module: [UInt8] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
    module += section(1, [[0x60, 0, 0], [0x60, 2, 0x7f, 0x7f, 0]])
    module += section(2, imports.map { string($0.0) + string($0.1) + [0] + leb($0.2) })
    module += section(3, methods.map { _ in [0] })
    module += section(5, [[0, 1]])
    module += section(7, exports + [string("memory") + [2, 0]])
    module += section(10, code)
    module += section(11, data)
    if let candid { module += custom("icp:public candid:service", Array(candid.utf8)) }
    return module
  }

  private func call(_ function: Int, _ source: Int, _ size: Int) -> [UInt8] {
    [0x41] + signed(source) + [0x41] + signed(size) + [0x10] + leb(function)
  }

  private func section(_ id: UInt8, _ entries: [[UInt8]]) -> [UInt8] {
    let content = leb(entries.count) + entries.flatMap { $0 }
    return [id] + leb(content.count) + content
  }

  private func custom(_ name: String, _ content: [UInt8]) -> [UInt8] {
    let content = string(name) + content
    return [0] + leb(content.count) + content
  }

  private func string(_ text: String) -> [UInt8] { leb(text.utf8.count) + Array(text.utf8) }

  private func leb(_ number: Int) -> [UInt8] {
    number < 0x80 ? [UInt8(number)] : [UInt8(number & 0x7f | 0x80)] + leb(number >> 7)
  }

  private func signed(_ number: Int) -> [UInt8] {
    number < 0x40 ? [UInt8(number)] : [UInt8(number & 0x7f | 0x80)] + signed(number >> 7)
  }
}
