extension ModuleImage.Import {
  /// Whether there is such a function here. A module that imports another one is refused, or its
  /// calls of that one trap, if it is to be stubbed.
  package var isProvided: Bool { HostFunction.named(module, name)?.isStub == false }
}
