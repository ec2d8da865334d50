/// How intense the arithmetic of decoding a batch is.
public enum ArithmeticIntensity {
    /// Floating-point operations per byte of weights read when a batch is decoded: `flopsPerToken * batchSize`.
    ///
    /// One forward pass reads the weights once and does `flopsPerToken * modelMemoryBytes` operations for each token of
    /// the batch, so the model's size cancels out (Williams et al., "Roofline", CACM 2009).
    /// - Parameters:
    ///   - batchSize: sequences decoded together; at least 1.
    ///   - modelMemoryBytes: bytes of weights; finite, above 0.
    ///   - flopsPerToken: operations per byte of weights and token; finite, above 0.
    public static func calculate(
        batchSize: Int64, modelMemoryBytes: Double, flopsPerToken: Double = 2.0
    ) throws(BatchingError) -> Double {
        guard batchSize >= 1 else { throw .invalid("batch_size", batchSize, "must be at least 1") }
        func check(_ value: Double, _ name: StaticString) throws(BatchingError) {
            guard value > 0, value.isFinite else {
                throw .invalid("\(name)", value, "must be finite and greater than 0")
            }
        }
        try check(modelMemoryBytes, "model_memory_bytes")
        try check(flopsPerToken, "flops_per_token")
        let intensity = flopsPerToken * Double(batchSize)
        guard intensity.isFinite else {
            throw BatchingError(
                .overflow, "flops_per_token is \(flopsPerToken): times batch_size it is beyond a double")
        }
        return intensity
    }
}
