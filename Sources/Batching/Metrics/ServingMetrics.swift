/// The metrics of a serving run, as the field's benchmark tools print them.
public struct ServingMetrics: Equatable, Sendable {
    /// Seconds.
    public var duration = 0.0
    /// Requests that were answered.
    public var completed: Int64 = 0
    /// Requests that were sent and have no answer.
    public var failed: Int64 = 0
    /// Prompt tokens of the answered.
    public var totalInputTokens: Int64 = 0
    /// Output tokens of the answered.
    public var totalOutputTokens: Int64 = 0
    /// Answered requests a second of the duration. Each throughput is 0.0 if the duration is.
    public var requestThroughput = 0.0
    /// Prompt tokens a second of the duration.
    public var inputThroughput = 0.0
    /// Output tokens a second of the duration.
    public var outputThroughput = 0.0
    /// Prompt and output tokens a second of the duration.
    public var totalTokenThroughput = 0.0
    /// Sum of E2E latencies / duration: Little's law.
    public var concurrency = 0.0
    /// Requests held against the objectives: all, less those that were not due. 0 without objectives.
    public var judged: Int64 = 0
    /// Answered requests that keep all objectives. 0 without objectives.
    public var good: Int64 = 0
    /// Good requests a second of the duration. Not-a-number without objectives.
    public var requestGoodput = Double.nan
    /// Share of those judged, failed ones included, that keep all objectives. Not-a-number without objectives.
    public var attainment = Double.nan
    /// The share that keeps the objective of TTFT. Not-a-number without it.
    public var ttftAttainment = Double.nan
    /// The share that keeps the objective of TPOT. Not-a-number without it.
    public var tpotAttainment = Double.nan
    /// The share that keeps the objective of ITL. Not-a-number without it.
    public var itlAttainment = Double.nan
    /// The share that keeps the objective of E2E latency. Not-a-number without it.
    public var e2eAttainment = Double.nan
}

/// The samples that a serving run has. The raw values are their places in the bytes of an accumulator.
enum ServingSample: Int {
    /// First token - arrival.
    case ttft
    /// (End - first token) / (output tokens - 1), of requests with at least two.
    case tpot
    /// The gaps between a request's token times, of all requests together.
    case itl
    /// End - arrival.
    case e2e
    /// Start - arrival.
    case queueTime
    /// E2E / output tokens, of requests with at least one (Yu et al., "Orca", OSDI 2022).
    case normalizedLatency
    /// Arrival - client arrival, where that is known.
    case clientQueueTime
    /// End - client arrival, where that is known.
    case e2eIncludingClientQueue

    static var allCases: LazyMapCollection<Range<Int>, ServingSample> { through(.e2eIncludingClientQueue) }

    /// Those that an accumulator has: it is told of no arrivals at clients.
    static var accumulated: LazyMapCollection<Range<Int>, ServingSample> { through(.normalizedLatency) }

    var isAccumulated: Bool { rawValue <= ServingSample.normalizedLatency.rawValue }

    /// Not an array, which takes memory, and ends the process where there is none.
    private static func through(_ last: ServingSample) -> LazyMapCollection<Range<Int>, ServingSample> {
        (0..<last.rawValue + 1).lazy.map { ServingSample(rawValue: $0).unsafelyUnwrapped }
    }

    /// Quotients are not whole nanoseconds.
    var isWhole: Bool { self != .tpot && self != .normalizedLatency }
}

/// What is wanted of a sample.
public struct WantedDistribution {
    /// Where the percentiles go, as many as are asked for. nil: not wanted.
    public var percentiles: UnsafeMutablePointer<Double>?
    private let place: UnsafeMutableRawPointer?
    private let writeTo: (Distribution, UnsafeMutableRawPointer?) -> Void

    /// Percentiles go to a column, and the distribution to a closure.
    public init(percentiles: UnsafeMutablePointer<Double>?, write: @escaping (Distribution) -> Void) {
        self.init(percentiles: percentiles, place: nil) { distribution, _ in write(distribution) }
    }

    /// - Parameter write: given `place`. What captures nothing takes no memory, unlike other closures, which end the
    ///   process where there is none.
    package init(
        percentiles: UnsafeMutablePointer<Double>?, place: UnsafeMutableRawPointer?,
        write: @escaping (Distribution, UnsafeMutableRawPointer?) -> Void
    ) {
        self.percentiles = percentiles
        self.place = place
        writeTo = write
    }

    func write(_ distribution: Distribution) { writeTo(distribution, place) }
}

/// How the metrics of a serving run are to be taken.
public struct ServingMetricsConfig {
    /// Which tool's definitions hold.
    public var convention = MetricsConvention.vllm
    /// Which percentiles are wanted.
    public var percentiles = PercentileColumns()
    /// Seconds. nil: what the convention takes.
    public var duration: Double?
    /// The objectives.
    public var levels = SLO()
    /// Seconds: only requests whose levels of TTFT and E2E were due by then are judged. nil: all are.
    public var dueBy: Double?

    /// vLLM's convention, without percentiles and objectives.
    public init() {}
}
