// The Gateway layer.
