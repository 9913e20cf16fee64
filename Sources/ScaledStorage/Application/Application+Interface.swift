package import Candid

extension Application {
  /// The methods as a Candid service, in the order of their names. Types of records and variants
  /// have the names that they have in Swift.
  package var candidInterface: CandidInterface {
    var types = CandidTypeBuilder(namesTypes: true)
    let methods = methods.values.sorted { $0.name < $1.name }.map { method in
      CandidMethod(method.name, .function(method.types(&types)))
    }
    return CandidInterface(environment: types.environment, service: .service(methods))
  }

  /// ``candidInterface`` as the source of a `.did` file.
  package var candidText: String { candidInterface.description }
}
