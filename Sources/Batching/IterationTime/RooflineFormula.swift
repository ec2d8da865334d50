/// A roofline, with all divided that can be before it is asked: seconds, and seconds a unit of work. See "Engine: iteration
/// times" in the C header for the formula.
struct RooflineFormula: BitwiseCopyable {
    /// Seconds to read the weights of the linear layers; and of their arithmetic a token.
    private let linear: Overlap
    /// Experts; the share of them that one token does not go through; seconds to read one, and of their arithmetic a token.
    private let experts: Double
    private let missedShare: Double
    private let expert: Overlap
    /// The same as `linear` for the output head, a sequence.
    private let head: Overlap
    /// Seconds of all all-reduces, and a token.
    private let allreduce: Double
    private let perAllreducedToken: Double
    private let fixed: Double
    private let perSequence: Double
    private let perPrefillIteration: Double
    /// Seconds to read the KV of a token of context.
    private let perContextToken: Double
    private let perWindowToken: Double
    private let window: Double
    /// Seconds of the arithmetic of two tokens, one of which attends to the other.
    private let perPair: Double
    private let perWindowPair: Double

    init(_ time: RooflineTime) {
        let parallel = max(time.tensorParallel, 1)
        let weights = time.memoryBandwidth * time.bandwidthShare
        let kv = time.memoryBandwidth * time.kvShare
        let attention = time.attentionPeak * time.attentionShare
        linear = Overlap(
            memory: quotient(time.linearBytes, weights),
            arithmetic: quotient(time.linearFLOPs, time.linearPeak * time.gemmShare))
        experts = time.experts
        missedShare = time.experts > 0 ? 1 - time.expertsPerToken / time.experts : 1
        expert = Overlap(
            memory: quotient(time.expertBytes, time.memoryBandwidth * time.expertBandwidthShare),
            arithmetic: quotient(time.expertFLOPs * time.expertsPerToken, time.expertPeak * time.expertGEMMShare))
        head = Overlap(
            memory: quotient(time.headBytes, weights),
            arithmetic: quotient(time.headFLOPs, time.headPeak * time.headShare))
        let isParallel = parallel > 1
        let allreduces = isParallel ? 2 * time.layers : 0
        allreduce = allreduces * (time.allreduceLatency * (time.doublings ?? 0))
        perAllreducedToken =
            allreduces
            * quotient(
                isParallel ? 2 * (parallel - 1) / parallel * time.allreduceBytes : 0,
                time.linkBandwidth * time.linkShare)
        fixed = time.perIteration + time.perLayer * time.layers
        perSequence = time.perSequence
        perPrefillIteration = time.perPrefillIteration
        perContextToken = quotient(time.kvBytes, kv)
        perWindowToken = quotient(time.windowBytes, kv)
        window = time.window
        perPair = quotient(time.attentionFLOPs, attention)
        perWindowPair = quotient(time.windowAttentionFLOPs, attention)
    }

    /// Throws unless all that is divided by is above 0 where it matters, and no quotient is beyond the clock.
    func check() throws(BatchingError) {
        func check(_ seconds: Double, _ work: StaticString, _ speed: StaticString) throws(BatchingError) {
            guard seconds <= Nanoseconds.maximumSeconds else {
                throw BatchingError(
                    .invalidArgument,
                    "time_roofline.\(work) is not 0, but \(speed) is too small: it would take \(seconds) seconds")
            }
        }
        try check(linear.memory, "linear_bytes", "memory_bandwidth x bandwidth_share")
        try check(linear.arithmetic, "linear_flops", "linear_peak x gemm_share")
        try check(expert.memory, "expert_bytes", "memory_bandwidth x expert_bandwidth_share")
        try check(expert.arithmetic, "expert_flops", "expert_peak x expert_gemm_share")
        try check(head.memory, "head_bytes", "memory_bandwidth x bandwidth_share")
        try check(head.arithmetic, "head_flops", "head_peak x head_share")
        try check(perAllreducedToken, "allreduce_bytes", "link_bandwidth x link_share")
        try check(perContextToken, "kv_bytes", "memory_bandwidth x kv_share")
        try check(perWindowToken, "window_bytes", "memory_bandwidth x kv_share")
        try check(perPair, "attention_flops", "attention_peak x attention_share")
        try check(perWindowPair, "window_attention_flops", "attention_peak x attention_share")
        _ = try Nanoseconds(seconds: allreduce, argument: "time_roofline.layers x allreduce_latency")
        _ = try Nanoseconds(seconds: fixed, argument: "time_roofline.per_iteration + layers x per_layer")
        _ = try Nanoseconds(seconds: perSequence, argument: "time_roofline.per_sequence")
        _ = try Nanoseconds(seconds: perPrefillIteration, argument: "time_roofline.per_prefill_iteration")
    }

    /// Seconds of all but attention: what depends on how many tokens, sequences and chunks there are.
    @inline(__always)
    private func withoutAttention(tokens: Int64, sequences: Int64) -> Double {
        let tokenCount = Double(tokens)
        var seconds = linear.seconds(memory: 1, tokenCount)
        if experts > 0 {
            seconds += expert.seconds(memory: experts * (1 - power(missedShare, tokens)), tokenCount)
        }
        seconds += head.seconds(memory: 1, Double(sequences))
        seconds += allreduce + tokenCount * perAllreducedToken
        return seconds + (fixed + perSequence * Double(sequences))
    }

    /// The same where so many sequences decode, and nothing else happens.
    func decodeBase(_ sequences: Int64) -> Double { withoutAttention(tokens: sequences, sequences: sequences) }

    /// The line on which it is for the contexts that decode, with all but prefill attention in its base.
    @inline(__always)
    func line(_ base: Double, decodes: Int64, context: Int64) -> LinearTime {
        let edge = Double(decodes) * window
        if perWindowToken == 0 || Double(context) >= edge {
            return LinearTime(base: base + edge * perWindowToken, perContextToken: perContextToken)
        }
        return LinearTime(base: base, perContextToken: perContextToken + perWindowToken, edge: edge)
    }

    /// Seconds, as the header has them, in this order.
    @inline(__always)
    func seconds(_ work: IterationWork) -> Double {
        let sequences = work.decodeTokens &+ work.prefillChunks
        var base = withoutAttention(tokens: work.prefillTokens &+ work.decodeTokens, sequences: sequences)
        if work.prefillTokens > 0 { base += perPrefillIteration }
        let decodes = line(base, decodes: work.decodeTokens, context: work.contextTokens)
        let seconds = decodes.seconds(context: work.contextTokens)
        guard work.prefillTokens > 0 else { return seconds }
        let (tokens, chunks) = (Double(work.prefillTokens), Double(work.prefillChunks))
        let pairs = max(work.prefillContext - tokens * tokens / (2 * chunks), 0)
        let arithmetic = pairs * perPair + min(pairs, window * tokens) * perWindowPair
        let context = work.prefillContext / tokens
        let reading = chunks * (context * perContextToken + min(context, window) * perWindowToken)
        return seconds + max(arithmetic, reading)
    }
}

/// Memory is read while arithmetic is done, but not without loss.
private struct Overlap: BitwiseCopyable {
    /// Seconds for what is read once, and for one unit of arithmetic.
    let memory: Double
    let arithmetic: Double

    @inline(__always)
    func seconds(memory reads: Double, _ units: Double) -> Double {
        let (memory, arithmetic) = (memory * reads, arithmetic * units)
        return (memory * memory + arithmetic * arithmetic).squareRoot()
    }
}

/// How long so much takes at a speed that may be 0 where there is nothing to do.
private func quotient(_ work: Double, _ speed: Double) -> Double { work == 0 ? 0 : work / speed }

/// By repeated squaring, so that it is the same on every machine.
private func power(_ base: Double, _ exponent: Int64) -> Double {
    var (result, square, rest) = (1.0, base, exponent)
    while rest > 0 {
        if rest & 1 == 1 { result *= square }
        square *= square
        rest >>= 1
    }
    return result
}
