// The bytes of an engine as an array, for Swift; what calls from other languages is given memory of theirs.
extension LiveEngine {
    /// What `save` writes.
    public mutating func saved() throws(BatchingError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: try savedSize())
        try bytes.withUnsafeMutableBufferPointer {
            (bytes: inout UnsafeMutableBufferPointer<UInt8>) throws(BatchingError) in
            if let first = bytes.baseAddress { try save(into: first) }
        }
        return bytes
    }

    /// An engine as it was when it was saved: see the other `load`.
    public static func load(
        _ bytes: [UInt8], callbacks: EngineConfig = EngineConfig()
    ) throws(BatchingError) -> LiveEngine {
        // What cannot be copied is no result of a closure.
        var engine: LiveEngine?
        try bytes.withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) throws(BatchingError) in
            if let first = bytes.baseAddress {
                engine = try load(first, count: bytes.count, callbacks: callbacks)
            }
        }
        guard let engine else { throw .corrupt("they are too few") }
        return engine
    }
}
