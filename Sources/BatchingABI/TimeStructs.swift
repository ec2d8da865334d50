import Batching
import CBatching

extension batching_engine_config {
    /// How long iterations take.
    func iterationTime() throws(BatchingError) -> IterationTime {
        switch time_model {
        case BATCHING_TIME_DEFAULT:
            try checkNoTimes()
            return EngineConfig().iterationTime
        case BATCHING_TIME_CONSTANT: return .constant(time_base)
        case BATCHING_TIME_AFFINE:
            return .affine(
                AffineTime(
                    base: time_base, perPrefillToken: time_per_prefill_token, perDecodeToken: time_per_decode_token,
                    perContextToken: time_per_context_token, perPrefillContext: time_per_prefill_context,
                    perPrefillIteration: time_per_prefill_iteration, perPrefillChunk: time_per_prefill_chunk,
                    startup: time_startup))
        case BATCHING_TIME_ROOFLINE: return .roofline(try batching_roofline.read(time_roofline).time)
        case BATCHING_TIME_TABLE: return .table(try batching_time_table.read(time_table).time)
        case BATCHING_TIME_CALLBACK: return .callback(try timeCallback())
        default:
            throw BatchingError(
                .invalidArgument,
                "time_model is \(time_model): must be one of \(BATCHING_TIME_DEFAULT), \(BATCHING_TIME_CONSTANT), "
                    + "\(BATCHING_TIME_AFFINE), \(BATCHING_TIME_ROOFLINE), \(BATCHING_TIME_TABLE), "
                    + "\(BATCHING_TIME_CALLBACK)")
        }
    }

    /// Throws if a time is given, but not the model that it belongs to.
    private func checkNoTimes() throws(BatchingError) {
        func check(_ seconds: Double, _ name: StaticString) throws(BatchingError) {
            guard seconds == 0 else { throw .invalid("\(name)", seconds, "must be 0 without a time_model") }
        }
        try check(time_base, "time_base")
        try check(time_per_prefill_token, "time_per_prefill_token")
        try check(time_per_decode_token, "time_per_decode_token")
        try check(time_per_context_token, "time_per_context_token")
        try check(time_per_prefill_context, "time_per_prefill_context")
        try check(time_per_prefill_iteration, "time_per_prefill_iteration")
        try check(time_per_prefill_chunk, "time_per_prefill_chunk")
        try check(time_startup, "time_startup")
        func check(isGiven: Bool, _ name: StaticString) throws(BatchingError) {
            guard isGiven else { return }
            throw BatchingError(.invalidArgument, "\(name) is given: must be NULL without a time_model")
        }
        try check(isGiven: time_roofline != nil, "time_roofline")
        try check(isGiven: time_table != nil, "time_table")
    }

    mutating func set(_ time: AffineTime) {
        time_model = BATCHING_TIME_AFFINE
        time_base = time.base
        time_per_prefill_token = time.perPrefillToken
        time_per_decode_token = time.perDecodeToken
        time_per_context_token = time.perContextToken
        time_per_prefill_context = time.perPrefillContext
        time_per_prefill_iteration = time.perPrefillIteration
        time_per_prefill_chunk = time.perPrefillChunk
        time_startup = time.startup
    }

    func timeCallback() throws(BatchingError) -> TimeCallback {
        let callback = try required(time_callback, "time_callback")
        return TimeCallback(ForeignFunction(callback, time_user_data)) { (work, foreign) throws(BatchingError) in
            let callback = foreign.function(as: batching_iteration_time_callback.self)
            var iteration = batching_iteration(work)
            var seconds = Double.nan
            try goOn(calling { callback(&iteration, &seconds, foreign.userData) }, "time_callback")
            return seconds
        }
    }
}

extension batching_roofline {
    static let firstSize = 288

    var time: RooflineTime {
        var time = RooflineTime()
        time.layers = layers
        time.linearBytes = linear_bytes
        time.linearFLOPs = linear_flops
        time.experts = experts
        time.expertsPerToken = experts_per_token
        time.expertBytes = expert_bytes
        time.expertFLOPs = expert_flops
        time.headBytes = head_bytes
        time.headFLOPs = head_flops
        time.kvBytes = kv_bytes
        time.windowBytes = window_bytes
        time.window = window
        time.attentionFLOPs = attention_flops
        time.windowAttentionFLOPs = window_attention_flops
        time.allreduceBytes = allreduce_bytes
        time.tensorParallel = tensor_parallel
        time.memoryBandwidth = memory_bandwidth
        time.linearPeak = linear_peak
        time.expertPeak = expert_peak
        time.headPeak = head_peak
        time.attentionPeak = attention_peak
        time.linkBandwidth = link_bandwidth
        time.bandwidthShare = bandwidth_share
        time.gemmShare = gemm_share
        time.expertBandwidthShare = expert_bandwidth_share
        time.expertGEMMShare = expert_gemm_share
        time.headShare = head_share
        time.kvShare = kv_share
        time.attentionShare = attention_share
        time.linkShare = link_share
        time.allreduceLatency = allreduce_latency
        time.perIteration = per_iteration
        time.perLayer = per_layer
        time.perSequence = per_sequence
        time.perPrefillIteration = per_prefill_iteration
        return time
    }
}

extension batching_time_table {
    static let firstSize = 192

    /// The table; its columns stay the caller's.
    var time: TableTime {
        var time = TableTime()
        time.linear = TimeCurve(
            count: Int(clamping: linear_count), places: linear_tokens, seconds: linear_seconds)
        time.head = TimeCurve(
            count: Int(clamping: head_count), places: head_sequences, seconds: head_seconds)
        time.decode = TimeGrid(
            rowCount: Int(clamping: decode_sequence_count),
            columnCount: Int(clamping: decode_context_count), rows: decode_sequences,
            columns: decode_contexts, seconds: decode_seconds)
        time.prefill = TimeGrid(
            rowCount: Int(clamping: prefill_token_count),
            columnCount: Int(clamping: prefill_context_count), rows: prefill_tokens,
            columns: prefill_contexts, seconds: prefill_seconds)
        time.linearScale = linear_scale == 0 ? 1 : linear_scale
        time.headScale = head_scale == 0 ? 1 : head_scale
        time.decodeScale = decode_scale == 0 ? 1 : decode_scale
        time.prefillScale = prefill_scale == 0 ? 1 : prefill_scale
        time.perIteration = per_iteration
        time.perSequence = per_sequence
        time.perPrefillIteration = per_prefill_iteration
        return time
    }
}

extension batching_time_table {
    /// The columns stay those of the table.
    init(_ time: TableTime) {
        self.init()
        linear_count = Int64(time.linear.count)
        linear_tokens = time.linear.places
        linear_seconds = time.linear.seconds
        head_count = Int64(time.head.count)
        head_sequences = time.head.places
        head_seconds = time.head.seconds
        decode_sequence_count = Int64(time.decode.rowCount)
        decode_context_count = Int64(time.decode.columnCount)
        decode_sequences = time.decode.rows
        decode_contexts = time.decode.columns
        decode_seconds = time.decode.seconds
        prefill_token_count = Int64(time.prefill.rowCount)
        prefill_context_count = Int64(time.prefill.columnCount)
        prefill_tokens = time.prefill.rows
        prefill_contexts = time.prefill.columns
        prefill_seconds = time.prefill.seconds
        linear_scale = time.linearScale
        head_scale = time.headScale
        decode_scale = time.decodeScale
        prefill_scale = time.prefillScale
        per_iteration = time.perIteration
        per_sequence = time.perSequence
        per_prefill_iteration = time.perPrefillIteration
    }
}
