/// Whose way of splitting prefill and decode: what stands in its fields where nothing else is said.
public enum DisaggregationPreset: Int32, Sendable {
    /// NVIDIA Dynamo 1.6.1, as its offline replay does it.
    case dynamo = 0
    /// vLLM 0.33 with its NIXL connector, behind a proxy.
    case vllmNIXL = 100
    /// SGLang's.
    case sglangPD = 110
    /// llm-d's.
    case llmD = 120
}

/// Whether the prompt of a request is computed by a replica of its own.
public enum PrefillDecider: Int32, Sendable {
    /// As the preset says.
    case preset = 0
    /// Always.
    case always = 100
    /// Never: the replica that decodes computes the prompt, too.
    case never = 110
    /// If the prompt, and what of it is not cached where it will decode, have at least so many tokens.
    case prefixThreshold = 120
    /// Unless what is not cached where it will decode is short, and a small part of the prompt.
    case dynamoConditional = 130
}

/// Which tokens are transferred.
public enum TransferTokens: Int32, Sendable {
    /// As the preset says.
    case preset = 0
    /// All of the prompt.
    case full = 100
    /// The blocks that are not in the prefix cache of the replica that decodes.
    case missing = 110
}

/// What is sent before the whole prompt has been computed.
public enum TransferOverlap: Int32, Sendable {
    /// As the preset says.
    case preset = 0
    /// Nothing.
    case none = 100
    /// All chunks but the last.
    case chunk = 110
    /// All layers but the last.
    case layer = 120
}

/// When the replica that decodes reserves KV blocks for the prompt.
public enum TransferReserve: Int32, Sendable {
    /// As the preset says.
    case preset = 0
    /// Once the prompt is done, between two of its iterations: one for each iteration that ends, hand-over that comes while
    /// it is idle, and request that joins it.
    case start = 100
    /// Once the prompt is done, between two of its iterations, as many as there are blocks and slots for.
    case admission = 110
    /// Between two of its iterations, also before the prompt is done, as long as enough is left for those that decode.
    case prefill = 120
}

/// When the replica that computed the prompt frees its KV blocks.
public enum SourceRelease: Int32, Sendable {
    /// As the preset says.
    case preset = 0
    /// When the request joins the other replica.
    case activation = 100
    /// When the transfer is over.
    case readDone = 110
}

/// Where the first token comes from.
public enum FirstTokenSource: Int32, Sendable {
    /// As the preset says.
    case preset = 0
    /// The replica that computed the prompt.
    case prefill = 100
    /// The replica that decodes: the token that the other has is not used.
    case decode = 110
}

/// When it is decided where a request decodes.
public enum DecodeChoice: Int32, Sendable {
    /// As the preset says.
    case preset = 0
    /// When its prompt is done.
    case afterPrefill = 100
    /// When it arrives.
    case atArrival = 110
}

/// What transfers share.
public enum LinkSharing: Int32, Sendable {
    /// Nothing: each has the whole bandwidth.
    case none = 0
    /// Those from one replica share its bandwidth, in equal parts.
    case source = 100
    /// Those from one replica to another share the bandwidth between them, in equal parts.
    case pair = 110
}

/// How prefill and decode are split between pools: see "Fleet" in the C header.
public struct DisaggregationConfig {
    /// What the fields are that are not said.
    public var preset = DisaggregationPreset.dynamo
    /// Whether the prompt is computed elsewhere.
    public var decider = PrefillDecider.preset
    /// Tokens at which it is. nil: 16; Dynamo's rule: 2,048.
    public var deciderTokens: Int64?
    /// Dynamo's rule: the part of the prompt at which it is.
    public var deciderRatio = 0.7
    /// When it is decided where a request decodes.
    public var decodeChoice = DecodeChoice.preset
    /// Bytes of the KV cache a token; 0: transfers take no time but the latency.
    public var kvBytesPerToken = 0.0
    /// Bytes a second.
    public var linkBandwidth = 0.0
    /// Seconds of each transfer.
    public var linkLatency = 0.0
    /// What transfers share.
    public var linkSharing = LinkSharing.none
    /// Which tokens are transferred.
    public var transferTokens = TransferTokens.preset
    /// What is sent before the prompt is done.
    public var overlap = TransferOverlap.preset
    /// Layers of the model, of which the last is sent after the prompt.
    public var layers: Int64 = 1
    /// When KV blocks are reserved.
    public var reserve = TransferReserve.preset
    /// Tokens for each request that a reservation before the prompt is done leaves to those that decode.
    public var reservedDecodeTokens: Int64 = 512
    /// When the source frees.
    public var sourceRelease = SourceRelease.preset
    /// Seconds after which the source frees blocks whose transfer has not begun: they are computed again where the request
    /// decodes. nil: never.
    public var lease: Double?
    /// Where the first token comes from.
    public var firstToken = FirstTokenSource.preset

    /// The defaults.
    public init() {}

    /// With what the preset says in the fields that are not said.
    func resolved() -> DisaggregationConfig {
        var own = self
        let isSGLang = preset == .sglangPD
        if own.decider == .preset { own.decider = preset == .llmD ? .prefixThreshold : .always }
        if own.decodeChoice == .preset { own.decodeChoice = isSGLang || preset == .llmD ? .atArrival : .afterPrefill }
        if own.transferTokens == .preset { own.transferTokens = preset == .dynamo ? .full : .missing }
        if own.overlap == .preset { own.overlap = isSGLang ? .chunk : .none }
        if own.reserve == .preset {
            own.reserve = preset == .dynamo ? .start : isSGLang ? .prefill : .admission
        }
        if own.sourceRelease == .preset { own.sourceRelease = preset == .dynamo ? .activation : .readDone }
        if own.firstToken == .preset { own.firstToken = isSGLang ? .prefill : .decode }
        // Both look at where a request will decode, and one reserves there, before its prompt is done.
        if own.decider == .prefixThreshold || own.decider == .dynamoConditional || own.reserve == .prefill {
            own.decodeChoice = .atArrival
        }
        return own
    }

    /// Whether what arrives as iterations start is in none of them: so does Dynamo's replay.
    var startsBeforeArrivals: Bool { preset == .dynamo }

    func check() throws(BatchingError) {
        if let deciderTokens, deciderTokens < 0 || deciderTokens > 1 << 40 {
            throw .invalid("decider_tokens", deciderTokens, "must be in 0..2^40")
        }
        guard deciderRatio >= 0, deciderRatio <= 1 else {
            throw .invalid("decider_ratio", deciderRatio, "must be in 0..1")
        }
        guard kvBytesPerToken >= 0, kvBytesPerToken <= 1e15 else {
            throw .invalid("kv_bytes_per_token", kvBytesPerToken, "must be in 0..1e15")
        }
        guard linkBandwidth >= 0, linkBandwidth <= 1e18 else {
            throw .invalid("link_bandwidth", linkBandwidth, "must be in 0..1e18 bytes a second")
        }
        guard kvBytesPerToken == 0 || linkBandwidth > 0 else {
            throw .invalid(
                "link_bandwidth", linkBandwidth, "must be more than 0 where kv_bytes_per_token is \(kvBytesPerToken)")
        }
        _ = try Nanoseconds(seconds: linkLatency, argument: "link_latency")
        guard layers >= 1, layers <= 65_536 else { throw .invalid("layers", layers, "must be in 1..65536") }
        guard reservedDecodeTokens >= 0, reservedDecodeTokens <= 1 << 31 else {
            throw .invalid("reserved_decode_tokens", reservedDecodeTokens, "must be in 0..2^31")
        }
        if let lease { _ = try Nanoseconds(seconds: lease, argument: "lease") }
    }
}
