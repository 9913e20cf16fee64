// The RocksDBStorage layer.
