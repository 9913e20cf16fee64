package import ScaledStorage

/// What the program's commands serve. They are types that the argument parser makes, so that they
/// find it here.
package struct ServedProgram: Sendable {
  /// What the program is called by.
  package var name: String
  package var application: Application

  package init(name: String, application: Application) {
    self.name = name
    self.application = application
  }

  /// While no service of a user's own is being run, `scaled-storage`.
  @TaskLocal package static var current = ServedProgram(
    name: "scaled-storage", application: .builtIn)
}
