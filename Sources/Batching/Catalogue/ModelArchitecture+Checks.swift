extension ModelArchitecture {
    var resolvedKeyValueHeads: Int32 { numKeyValueHeads == 0 ? numAttentionHeads : numKeyValueHeads }

    /// As Hugging Face's classes divide: rounded down. At least 1 head was checked.
    var resolvedHeadDim: Int32 {
        if headDim != 0 || numAttentionHeads < 1 { return headDim }
        return hiddenSize.dividedReportingOverflow(by: numAttentionHeads).partialValue
    }

    /// Throws unless every value is in its range.
    func check() throws(BatchingError) {
        try check(numHiddenLayers, "num_hidden_layers", atLeast: 1)
        try check(hiddenSize, "hidden_size", atLeast: 1)
        try check(numAttentionHeads, "num_attention_heads", atLeast: 1)
        try check(numKeyValueHeads, "num_key_value_heads", atLeast: 0)
        try check(headDim, "head_dim", atLeast: 0)
        try check(intermediateSize, "intermediate_size", atLeast: 0)
        try check(vocabSize, "vocab_size", atLeast: 1)
        guard resolvedKeyValueHeads <= numAttentionHeads else {
            throw .invalid(
                "model.num_key_value_heads", numKeyValueHeads,
                "must be at most num_attention_heads, which is \(numAttentionHeads)")
        }
        try checkExperts()
        try checkLatents()
        try check(slidingWindow, "sliding_window", atLeast: 0)
        try check(fullAttentionLayers, "full_attention_layers", atLeast: 0)
        try check(fullAttentionLayers, "full_attention_layers", atMost: numHiddenLayers, "num_hidden_layers")
        if resolvedHeadDim < 1, kvLoraRank == 0 {
            throw .invalid(
                "model.hidden_size", hiddenSize,
                "must be at least num_attention_heads, which is \(numAttentionHeads), where head_dim is 0")
        }
    }

    private func checkExperts() throws(BatchingError) {
        try check(numExperts, "num_experts", atLeast: 0)
        try check(numExpertsPerTok, "num_experts_per_tok", atLeast: numExperts > 0 ? 1 : 0)
        try check(numExpertsPerTok, "num_experts_per_tok", atMost: numExperts, "num_experts")
        try check(moeIntermediateSize, "moe_intermediate_size", atLeast: numExperts > 0 ? 1 : 0)
        try check(sharedExpertIntermediateSize, "shared_expert_intermediate_size", atLeast: 0)
        try check(denseLayers, "dense_layers", atLeast: 0)
        guard numExperts <= 65_536 else { throw .invalid("model.num_experts", numExperts, "must be at most 65536") }
        if numExperts > 0 { try check(denseLayers, "dense_layers", atMost: numHiddenLayers, "num_hidden_layers") }
        if numExperts == 0 || denseLayers > 0, intermediateSize < 1 {
            throw .invalid(
                "model.intermediate_size", intermediateSize, "must be at least 1 where layers have no experts")
        }
    }

    private func checkLatents() throws(BatchingError) {
        try check(kvLoraRank, "kv_lora_rank", atLeast: 0)
        try check(qLoraRank, "q_lora_rank", atLeast: 0)
        try check(qkRopeHeadDim, "qk_rope_head_dim", atLeast: 0)
        try check(qkNopeHeadDim, "qk_nope_head_dim", atLeast: kvLoraRank > 0 ? 1 : 0)
        try check(vHeadDim, "v_head_dim", atLeast: kvLoraRank > 0 ? 1 : 0)
    }

    private func check(_ value: Int32, _ name: StaticString, atLeast least: Int32) throws(BatchingError) {
        if value < least { throw .invalid("model.\(name)", value, "must be at least \(least)") }
    }

    private func check(
        _ value: Int32, _ name: StaticString, atMost most: Int32, _ limit: StaticString
    ) throws(BatchingError) {
        if value > most { throw .invalid("model.\(name)", value, "must be at most \(limit), which is \(most)") }
    }

    /// Throws unless so many GPUs can share each layer.
    func check(tensorParallel: Int32) throws(BatchingError) {
        let argument: ErrorText = "deployment.tensor_parallel"
        guard tensorParallel >= 1, tensorParallel <= 1024, tensorParallel.nonzeroBitCount == 1 else {
            throw .invalid(argument, tensorParallel, "must be a power of two from 1 to 1024")
        }
        guard numAttentionHeads & (tensorParallel &- 1) == 0 else {
            throw .invalid(
                argument, tensorParallel,
                "must divide the model's attention heads, of which there are \(numAttentionHeads)")
        }
        let kvHeads = resolvedKeyValueHeads
        let isDivided = kvHeads & (tensorParallel &- 1) == 0
        // Heads that are held again: only a power of two divides a power of two.
        let isMultiple = kvHeads <= tensorParallel && kvHeads.nonzeroBitCount == 1
        guard kvLoraRank > 0 || isDivided || isMultiple else {
            throw .invalid(
                argument, tensorParallel,
                "must divide the model's KV heads, or be a multiple of them; there are \(kvHeads)")
        }
    }
}
