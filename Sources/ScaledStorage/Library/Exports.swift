// What a service needs to name of the layers below.

@_exported public import Candid
public import Cluster

/// The owner's id when a key lives elsewhere, else the result.
public typealias NodeResult = Cluster.NodeResult
/// When a cluster grows and when it shrinks.
public typealias ScalePolicy = Cluster.ScalePolicy
