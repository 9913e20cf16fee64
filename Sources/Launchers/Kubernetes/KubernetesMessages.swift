/// The objects of the Kubernetes API that are used, as far as they are read.
struct ObjectMetadata: Codable {
  struct Owner: Codable {
    var kind: String
    var name: String
  }

  var name: String?
  var namespace: String?
  var resourceVersion: String?
  /// When it was asked to end; nil while it was not.
  var deletionTimestamp: String?
  var ownerReferences: [Owner]?
}

struct Pod: Decodable {
  struct Status: Decodable {
    var podIP: String?
  }

  var metadata: ObjectMetadata
  var status: Status?
}

struct PodList: Decodable {
  var metadata: ObjectMetadata
  var items: [Pod]
}

/// `autoscaling/v1` Scale: the subresource by which a StatefulSet is scaled.
struct Scale: Codable {
  struct Spec: Codable {
    /// Left out when it is 0.
    var replicas: Int?
  }

  struct Status: Codable {
    var replicas: Int
    /// The pods' labels, as a query takes them.
    var selector: String?
  }

  var kind = "Scale"
  var apiVersion = "autoscaling/v1"
  var metadata: ObjectMetadata
  var spec: Spec
  var status: Status?
}

/// One line of a watch.
struct PodEvent: Decodable {
  enum Kind: String, Decodable {
    case added = "ADDED"
    case modified = "MODIFIED"
    case deleted = "DELETED"
    /// Tells how far the watch has come.
    case bookmark = "BOOKMARK"
    case error = "ERROR"
  }

  var type: Kind
  /// A pod; an error's object has none of its fields.
  var object: Pod?

  enum CodingKeys: CodingKey { case type, object }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    type = try values.decode(Kind.self, forKey: .type)
    object = type == .error ? nil : try values.decode(Pod.self, forKey: .object)
  }
}

/// What an answer that tells of an error holds.
struct APIStatus: Decodable {
  var message: String?
}
