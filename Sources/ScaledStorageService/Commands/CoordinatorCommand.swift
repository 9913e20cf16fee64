package import ArgumentParser
import Cluster
import Etcd
import Foundation
import Gateway
import HTTPTransport
import RocksDBStorage

/// `PROGRAM coordinator`: where the coordinator's state is kept.
package struct CoordinatorCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "coordinator",
    abstract: "Move the coordinator's state between a data directory and etcd.",
    subcommands: [CoordinatorToEtcdCommand.self, CoordinatorFromEtcdCommand.self])

  package init() {}
}

struct CoordinatorToEtcdCommand: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "to-etcd",
      abstract: "Move the coordinator's state from a gateway's data directory to etcd.",
      discussion: """
        Stop the gateway first; the nodes go on. Afterwards start any number of gateways with \
        --etcd. A move that was interrupted is taken up by the same command.

          \(ServedProgram.current.name) coordinator to-etcd --data ./gateway --etcd 10.0.0.1:2379
        """)
  }

  @OptionGroup var options: ServiceOptions

  func run() throws {
    try ConfigurationError.asWrongUsage { try LogMoving(options).run { try $0.toEtcd() } }
  }
}

struct CoordinatorFromEtcdCommand: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "from-etcd",
      abstract: "Move the coordinator's state from etcd to a gateway's data directory.",
      discussion: """
        Stop all gateways of the cluster first; the nodes go on. Afterwards start one gateway on \
        the directory, without --etcd, and the nodes without it as well. A move that was \
        interrupted is taken up by the same command.

          \(ServedProgram.current.name) coordinator from-etcd --data ./gateway --etcd 10.0.0.1:2379
        """)
  }

  @OptionGroup var options: ServiceOptions

  func run() throws {
    try ConfigurationError.asWrongUsage { try LogMoving(options).run { try $0.fromEtcd() } }
  }
}

/// What both ways have in common.
private struct LogMoving {
  private let settings: ServiceSettings
  private let place: EtcdPlace

  /// - Throws: `ConfigurationError` without an etcd.
  init(_ options: ServiceOptions) throws {
    let configuration = try Configuration(file: options.config)
    settings = try ServiceSettings(
      options, configuration, listen: ClusterService.usualListen)
    guard let place = settings.etcd else {
      throw ConfigurationError(message: "name the members of etcd by --etcd HOST:PORT,…")
    }
    self.place = place
  }

  func run(_ move: (LogMove) throws -> String) throws {
    var settings = settings
    try settings.makeDirectory()
    let loop = try EventLoop()
    let store = try settings.openStore("coordinator")
    defer { store.close() }
    let client = EtcdClient(loop: loop, settings: try place.settings())
    defer { client.shutdown() }
    let sentence = try move(
      LogMove(
        loop: loop, client: client, keys: place.keys, store: store,
        etcdName: "etcd at " + String(decoding: place.keys.prefix, as: UTF8.self),
        storeName: settings.data))
    try FileHandle.standardOutput.write(contentsOf: Data((sentence + "\n").utf8))
  }
}
