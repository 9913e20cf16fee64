// The Candid layer.
