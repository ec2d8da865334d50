/// What fits into the memory of each GPU: see "Models and GPUs" in the C header.
public struct DeploymentMemory: Equatable, Sendable {
    /// Of the whole model.
    public var parameters: Double
    /// Of those, what a token goes through, without the embedding, with the output head.
    public var activeParameters: Double
    /// Of weights on each GPU.
    public var weightBytes: Double
    /// The peak of activations: given, or estimated.
    public var activationBytes: Double
    /// Of CUDA graphs.
    public var graphBytes: Double
    /// What else is taken: given, or estimated.
    public var otherBytes: Double
    /// What is left for KV blocks: at least 0.
    public var kvBytes: Double
    /// What one token of context adds on each GPU, in all layers.
    public var kvBytesPerToken: Double
    /// Of one KV block.
    public var blockBytes: Double
    /// KV blocks; 0 if not even two fit, since the engine keeps one to itself.
    public var numGPUBlocks: Int64
    /// FLOPs a byte: the arithmetic intensity from which on linear layers are limited by arithmetic.
    public var ridgePoint: Double
}

extension Deployment {
    /// The KV blocks that vLLM would have, and what else is in the memory. Throws if a value is out of its range.
    public func memory() throws(BatchingError) -> DeploymentMemory {
        let shape = try checked()
        let whole = try ModelShape(model)
        let taken = gpuMemoryUtilization * (gpu.memoryBytes - gpu.driverBytes)
        let weights = shape.weightBytes(weightType)
        let activation = activationBytes ?? estimatedActivationBytes(shape)
        let other = otherBytes ?? estimatedOtherBytes
        let kv = max(taken - weights - activation - graphBytes - other, 0)
        let perToken = shape.kvBytes(layers: shape.layers, kvType)
        let block = perToken * Double(blockSize)
        // A block has at least a byte, and the memory at most 2^53.
        let blocks = Int64(exactly: (kv / block).rounded(.down)) ?? 0
        return DeploymentMemory(
            parameters: whole.parameters, activeParameters: whole.activeParameters, weightBytes: weights,
            activationBytes: activation, graphBytes: graphBytes, otherBytes: other, kvBytes: kv,
            kvBytesPerToken: perToken, blockBytes: block, numGPUBlocks: blocks < 2 ? 0 : blocks,
            ridgePoint: gpu.peak(weightType).operations / gpu.memoryBandwidth)
    }

    /// What vLLM's profile run peaks at: the sampler over `max_num_seqs` sequences, or a layer over
    /// `max_num_batched_tokens` tokens. The 38 bytes a logit are from vLLM's logs (llm-d-benchmark,
    /// config_explorer/empirical-vllm-memory-results.md): logits in 16 and in 32 bits, the sorted ones with indices of 64
    /// bits, and what sorting takes.
    private func estimatedActivationBytes(_ shape: ModelShape) -> Double {
        let tokens = Double(maxNumBatchedTokens ?? max(2048, maxNumSeqs))
        let sequences = min(Double(maxNumSeqs), tokens)
        let sampler = 38 * sequences * shape.vocabulary
        let layer = 2 * tokens * shape.widestLayer
        return 2 * shape.hidden * (tokens + sequences) + max(sampler, layer)
    }

    /// The CUDA context beyond what was taken at the start, and NCCL's buffers: non-torch memory in the same logs.
    private var estimatedOtherBytes: Double { tensorParallel > 1 ? 600e6 : 150e6 }
}
