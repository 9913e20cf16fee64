// The ScaledStorage layer.
