/// A model on GPUs.
public struct Deployment: Equatable, Sendable {
    /// What runs.
    public var model: ModelArchitecture
    /// On which GPU, or on several that are alike.
    public var gpu: GPU
    /// GPUs that share each layer: a power of two, at most 1,024, that divides the attention heads, and divides the KV
    /// heads or is a multiple of them.
    public var tensorParallel: Int32 = 1
    /// Of linear layers and experts. Embedding, output head and norms are of 16 bits.
    public var weightType = DataType.bf16
    /// Of the KV cache: of 16 bits or of 8.
    public var kvType = DataType.bf16
    /// Tokens in a KV block; from 1 to 65,536.
    public var blockSize: Int32 = 16
    /// For the peak of activations; at least 1.
    public var maxNumSeqs: Int64 = 256
    /// For the peak of activations; at least 1. nil: 2048, or `maxNumSeqs` if that is more.
    public var maxNumBatchedTokens: Int64?
    /// Share of the memory that the server may take, in (0, 1].
    public var gpuMemoryUtilization = 0.9
    /// The peak of activations; nil: estimated.
    public var activationBytes: Double?
    /// What CUDA graphs take out of that share: as vLLM counts it, nothing.
    public var graphBytes = 0.0
    /// What else is taken out of it: libraries, communication; nil: estimated.
    public var otherBytes: Double?

    /// With what vLLM has where nothing is said.
    public init(model: ModelArchitecture, gpu: GPU) {
        self.model = model
        self.gpu = gpu
    }

    /// Throws unless every value is in its range.
    /// - Returns: what each GPU holds of the model.
    func checked() throws(BatchingError) -> ModelShape {
        try gpu.check()
        try Deployment.check(kvType: kvType)
        guard blockSize >= 1, blockSize <= 65_536 else {
            throw .invalid("deployment.block_size", blockSize, "must be from 1 to 65536")
        }
        guard maxNumSeqs >= 1 else { throw .invalid("deployment.max_num_seqs", maxNumSeqs, "must be at least 1") }
        if let maxNumBatchedTokens, maxNumBatchedTokens < 1 {
            throw .invalid("deployment.max_num_batched_tokens", maxNumBatchedTokens, "must be at least 1")
        }
        guard gpuMemoryUtilization > 0, gpuMemoryUtilization <= 1 else {
            throw .invalid(
                "deployment.gpu_memory_utilization", gpuMemoryUtilization, "must be above 0 and at most 1")
        }
        try Deployment.check(bytes: activationBytes ?? 0, "activation_bytes")
        try Deployment.check(bytes: graphBytes, "graph_bytes")
        try Deployment.check(bytes: otherBytes ?? 0, "other_bytes")
        return try ModelShape(model, tensorParallel: tensorParallel)
    }

    private static func check(bytes: Double, _ name: StaticString) throws(BatchingError) {
        guard bytes >= 0, bytes.isFinite else {
            throw .invalid("deployment.\(name)", bytes, "must be finite and at least 0")
        }
    }

    static func check(kvType: DataType) throws(BatchingError) {
        switch kvType {
        case .bf16, .fp8, .int8: return
        case .fp4, .int4:
            throw .invalid("deployment.kv_dtype", kvType.rawValue, "must be of 16 bits, 0, or of 8 bits, 100 or 110")
        }
    }
}
