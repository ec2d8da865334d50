// What a configuration says of the KV blocks.

extension CachedBlocks {
    /// - Parameter reservesBlocks: no policy that does caches prefixes.
    init(
        _ configuration: EngineConfig, requests: RequestColumns, reservesBlocks: Bool = false,
        ownsBlocks: Bool = true
    ) throws(BatchingError) {
        try self.init(
            usable: Int(configuration.numGPUBlocks ?? 1) - 1, blockSize: configuration.blockSize, requests: requests,
            isAsynchronous: configuration.isAsynchronous, ownsBlocks: ownsBlocks)
    }
}

extension CountedBlocks {
    /// - Parameters:
    ///   - requests: not looked at.
    ///   - reservesBlocks: see the other initializer.
    ///   - ownsBlocks: nothing is cached.
    init(
        _ configuration: EngineConfig, requests: RequestColumns, reservesBlocks: Bool, ownsBlocks: Bool = true
    ) throws(BatchingError) {
        try self.init(
            usable: configuration.numGPUBlocks.map { Int($0) - 1 }, blockSize: configuration.blockSize,
            isReserved: reservesBlocks)
    }
}
