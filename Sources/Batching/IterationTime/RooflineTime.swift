/// What the times of iterations are computed from: a model as one of its GPUs holds it, the GPUs, and what kernels reach of
/// them. The fields are those of `batching_roofline` in the C header, which has the formula and its source.
public struct RooflineTime: Equatable, Sendable {
    /// Layers.
    public var layers = 0.0
    /// Bytes of weights that each iteration reads: without experts and output head.
    public var linearBytes = 0.0
    /// FLOPs a token with these weights.
    public var linearFLOPs = 0.0
    /// Experts a layer; 0: none.
    public var experts = 0.0
    /// Experts that a token goes through.
    public var expertsPerToken = 0.0
    /// Bytes of one expert of each layer.
    public var expertBytes = 0.0
    /// FLOPs of a token in one expert of each layer.
    public var expertFLOPs = 0.0
    /// Bytes of the output head.
    public var headBytes = 0.0
    /// FLOPs of the output head for a sequence.
    public var headFLOPs = 0.0
    /// Bytes of KV that are read a token of context: layers with full attention.
    public var kvBytes = 0.0
    /// The same of layers with a sliding window.
    public var windowBytes = 0.0
    /// Tokens of that window.
    public var window = 0.0
    /// FLOPs of a token that attends to one: layers with full attention.
    public var attentionFLOPs = 0.0
    /// The same of layers with a sliding window.
    public var windowAttentionFLOPs = 0.0
    /// Bytes a token of one all-reduce.
    public var allreduceBytes = 0.0
    /// GPUs that share each layer; 0: 1.
    public var tensorParallel = 0.0

    /// Bytes a second.
    public var memoryBandwidth = 0.0
    /// FLOPs a second, in the type that linear layers are computed in.
    public var linearPeak = 0.0
    /// The same for experts.
    public var expertPeak = 0.0
    /// The same for the output head.
    public var headPeak = 0.0
    /// The same for prefill attention.
    public var attentionPeak = 0.0
    /// Bytes a second from one GPU to the others, in one direction.
    public var linkBandwidth = 0.0

    /// What kernels reach of the memory bandwidth as they read weights.
    public var bandwidthShare = 0.0
    /// Of the peak of linear layers.
    public var gemmShare = 0.0
    /// Of the memory bandwidth as they read experts.
    public var expertBandwidthShare = 0.0
    /// Of the peak of experts.
    public var expertGEMMShare = 0.0
    /// Of the peak of the output head.
    public var headShare = 0.0
    /// Of the memory bandwidth as they read KV.
    public var kvShare = 0.0
    /// Of the peak of attention.
    public var attentionShare = 0.0
    /// Of the bandwidth of the link.
    public var linkShare = 0.0

    /// Seconds of each all-reduce of two GPUs.
    public var allreduceLatency = 0.0
    /// Seconds of each iteration.
    public var perIteration = 0.0
    /// Seconds of each layer.
    public var perLayer = 0.0
    /// Seconds of each sequence or chunk that is scheduled.
    public var perSequence = 0.0
    /// Seconds of each iteration that has a prefill chunk.
    public var perPrefillIteration = 0.0

    /// All 0.
    public init() {}
}

extension RooflineTime {
    /// Each field, and what the C header calls it.
    mutating func visit<Failure: Error>(
        _ body: (inout Double, StaticString) throws(Failure) -> Void
    ) throws(Failure) {
        try body(&layers, "layers")
        try body(&linearBytes, "linear_bytes")
        try body(&linearFLOPs, "linear_flops")
        try body(&experts, "experts")
        try body(&expertsPerToken, "experts_per_token")
        try body(&expertBytes, "expert_bytes")
        try body(&expertFLOPs, "expert_flops")
        try body(&headBytes, "head_bytes")
        try body(&headFLOPs, "head_flops")
        try body(&kvBytes, "kv_bytes")
        try body(&windowBytes, "window_bytes")
        try body(&window, "window")
        try body(&attentionFLOPs, "attention_flops")
        try body(&windowAttentionFLOPs, "window_attention_flops")
        try body(&allreduceBytes, "allreduce_bytes")
        try body(&tensorParallel, "tensor_parallel")
        try body(&memoryBandwidth, "memory_bandwidth")
        try body(&linearPeak, "linear_peak")
        try body(&expertPeak, "expert_peak")
        try body(&headPeak, "head_peak")
        try body(&attentionPeak, "attention_peak")
        try body(&linkBandwidth, "link_bandwidth")
        try body(&bandwidthShare, "bandwidth_share")
        try body(&gemmShare, "gemm_share")
        try body(&expertBandwidthShare, "expert_bandwidth_share")
        try body(&expertGEMMShare, "expert_gemm_share")
        try body(&headShare, "head_share")
        try body(&kvShare, "kv_share")
        try body(&attentionShare, "attention_share")
        try body(&linkShare, "link_share")
        try body(&allreduceLatency, "allreduce_latency")
        try body(&perIteration, "per_iteration")
        try body(&perLayer, "per_layer")
        try body(&perSequence, "per_sequence")
        try body(&perPrefillIteration, "per_prefill_iteration")
    }

    /// Throws unless every value is in its range.
    func check() throws(BatchingError) {
        var values = self
        try values.visit { (value, name) throws(BatchingError) in
            guard value >= 0, value < .infinity else {
                throw .invalid("time_roofline.\(name)", value, "must be finite and at least 0")
            }
        }
        guard experts <= 65_536 else {
            throw .invalid("time_roofline.experts", experts, "must be at most 65536")
        }
        guard expertsPerToken <= experts else {
            throw .invalid(
                "time_roofline.experts_per_token", expertsPerToken, "must be at most experts, which is \(experts)")
        }
        guard window <= 0x1p31 else { throw .invalid("time_roofline.window", window, "must be at most 2147483648") }
        guard tensorParallel == 0 || doublings != nil else {
            throw .invalid("time_roofline.tensor_parallel", tensorParallel, "must be a power of two, at most 1024")
        }
        try RooflineFormula(self).check()
    }

    /// How often 1 is doubled to as many GPUs; nil: never.
    var doublings: Double? {
        var (gpus, count) = (1.0, 0.0)
        while gpus <= 1024 {
            if gpus == tensorParallel { return count }
            (gpus, count) = (2 * gpus, count + 1)
        }
        return nil
    }

    /// Writes it, or reads it.
    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try visit { (value, _) throws(BatchingError) in try coder.code(bits: &value) }
    }
}

extension RooflineTime {
    /// From an object that has its fields by the names of the C header.
    init(_ object: JSONReader, _ decimals: DecimalReader) throws(BatchingError) {
        self.init()
        tensorParallel = 1
        var members = JSONObject(object, "iteration_time.", decimals)
        while var member = try members.next() {
            _ = member.take("model")
            try visit { (value, name) throws(BatchingError) in try member.take(name, &value) }
            // What is told of it, but not looked at.
            if member.take("source") { _ = try member.string() }
            if member.take("expected_error"), !member.isNull { _ = try member.number(at: member.value) }
            try members.end(member)
        }
    }
}
