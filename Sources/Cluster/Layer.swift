// The Cluster layer.
