import ScaledStorage

/// Texts by name: the values are `String`, and a node that holds more than 50 calls for others.
public let textStore = {
  var app = CanisterManager<String>(shouldScaleUp: { size in size > 50 })

  app.query("get_data") { (context, key: String) in
    try context.withData(key) { text in text }
  }

  app.update("update_data") { (context, key: String, text: String) in
    try context.withUpsertData(key, default: "") { stored in
      stored = text
      return stored
    }
  }

  return app
}()
