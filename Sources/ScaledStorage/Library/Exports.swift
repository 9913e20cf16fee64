// What a service needs to name of the layers below.

@_exported public import Candid
@_exported public import enum Cluster.NodeResult
@_exported public import struct Cluster.ScalePolicy
@_exported public import enum WireProtocol.Role
