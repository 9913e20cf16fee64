// The HTTPTransport layer.
