// The Placement layer.
