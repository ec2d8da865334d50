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
        for (name, value) in [("model_memory_bytes", modelMemoryBytes), ("flops_per_token", flopsPerToken)]
        where !(value > 0 && value.isFinite) {
            throw .invalid(name, value, "must be finite and greater than 0")
        }
        let intensity = flopsPerToken * Double(batchSize)
        guard intensity.isFinite else {
            throw BatchingError(
                .overflow, "flops_per_token is \(flopsPerToken): times batch_size it is beyond a double")
        }
        return intensity
    }
}
