// The Storage layer.
