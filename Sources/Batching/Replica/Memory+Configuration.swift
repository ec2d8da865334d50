// What a configuration says of the KV blocks.

extension CachedBlocks {
    /// - Parameter reservesBlocks: no policy that does caches prefixes.
    init(
        _ configuration: EngineConfig, requests: RequestColumns, reservesBlocks: Bool = false,
        ownsBlocks: Bool = true
    ) throws(BatchingError) {
        try self.init(
            usable: Int(configuration.numGPUBlocks ?? 1) - 1, blockSize: configuration.blockSize, requests: requests,
            isAsynchronous: configuration.isAsynchronous, ownsBlocks: ownsBlocks,
            offload: try OffloadedBlocks.of(configuration, ownsTiers: ownsBlocks))
    }
}

extension OffloadedBlocks {
    /// nil: there are no tiers.
    fileprivate static func of(
        _ configuration: EngineConfig, ownsTiers: Bool
    ) throws(BatchingError) -> OffloadedBlocks? {
        guard let offload = configuration.kvOffload else { return nil }
        let size = configuration.blockSize
        return try OffloadedBlocks(
            host: offload.settings(offload.host, blockSize: size),
            disk: offload.settings(offload.disk, blockSize: size), loadsBlock: offload.loadsBlock, blockTokens: size,
            ownsTiers: ownsTiers)
    }
}

extension KVOffload {
    func settings(_ tier: Tier, blockSize: Int64) -> KVTier.Settings {
        KVTier.Settings(
            blocks: Int(tier.tokens / blockSize), blockBytes: Double(blockSize) * kvBytesPerToken,
            readBandwidth: tier.readBandwidth, writeBandwidth: tier.writeBandwidth)
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
