/// What an accumulator keeps.
public struct AccumulatorConfig: Equatable, Sendable {
    /// Seconds that the window covers, in `slotCount` slots.
    public var window = 60.0
    /// 1...3600.
    public var slotCount = 30
    /// Requests in flight, 1...16,777,216.
    public var maxRequests = 4096
    /// Gaps between tokens of requests in flight, 1...2^31. 0: 256 x maxRequests.
    public var maxGaps = 0
    /// Seconds: the longest TTFT that is good. 0: no such objective.
    public var sloTTFT = 0.0
    /// Seconds: the longest TPOT that is good. 0: no such objective.
    public var sloTPOT = 0.0
    /// Seconds: the longest ITL that is good. 0: no such objective.
    public var sloITL = 0.0
    /// Seconds: the longest E2E latency that is good. 0: no such objective.
    public var sloE2E = 0.0

    /// All as by default.
    public init() {}
}

/// The same once checked: times in nanoseconds.
struct AccumulatorLimits: BitwiseCopyable {
    static let largestMaxRequests = 1 << 24
    static let largestMaxGaps = 1 << 31
    static let largestSlotCount = 3600

    var slotLength: Int64
    var slotCount: Int
    var maxRequests: Int
    var maxGaps: Int
    var slo: ServiceLimits

    init(_ configuration: AccumulatorConfig) throws(BatchingError) {
        func check(_ value: Int, _ name: StaticString, atMost largest: Int) throws(BatchingError) {
            guard value >= 1, value <= largest else {
                throw .invalid("\(name)", value, "must be between 1 and \(largest)")
            }
        }
        try check(configuration.slotCount, "slot_count", atMost: AccumulatorLimits.largestSlotCount)
        try check(configuration.maxRequests, "max_requests", atMost: AccumulatorLimits.largestMaxRequests)
        slotCount = configuration.slotCount
        maxRequests = configuration.maxRequests
        maxGaps = configuration.maxGaps
        if maxGaps == 0 { maxGaps = min(256 * maxRequests, AccumulatorLimits.largestMaxGaps) }
        try check(maxGaps, "max_gaps", atMost: AccumulatorLimits.largestMaxGaps)
        let window = try Nanoseconds(seconds: configuration.window, argument: "window").count
        guard window >= Int64(slotCount) else {
            throw .invalid("window", configuration.window, "must be at least slot_count nanoseconds")
        }
        slotLength = (window + Int64(slotCount) - 1) / Int64(slotCount)
        func objective(_ seconds: Double, _ name: StaticString) throws(BatchingError) -> Int64? {
            let count = try Nanoseconds(seconds: seconds, argument: name).count
            guard count > 0 || seconds == 0 else {
                throw .invalid("\(name)", seconds, "must be 0 or at least 1 nanosecond")
            }
            return count == 0 ? nil : count
        }
        slo = ServiceLimits(
            ttft: try objective(configuration.sloTTFT, "slo_ttft"),
            tpot: try objective(configuration.sloTPOT, "slo_tpot"),
            itl: try objective(configuration.sloITL, "slo_itl"), e2e: try objective(configuration.sloE2E, "slo_e2e"))
    }

    /// Whether what the two accumulate means the same.
    func agrees(with other: AccumulatorLimits) -> Bool {
        slotLength == other.slotLength && slotCount == other.slotCount && slo == other.slo
    }
}
