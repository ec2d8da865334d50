/// The KV blocks of an engine that runs on.
protocol LiveMemory: SavedMemory, ~Copyable {
    init(
        _ configuration: EngineConfig, requests: RequestColumns, reservesBlocks: Bool, ownsBlocks: Bool
    ) throws(BatchingError)
}

extension CountedBlocks: LiveMemory {}
extension CachedBlocks: LiveMemory {}
