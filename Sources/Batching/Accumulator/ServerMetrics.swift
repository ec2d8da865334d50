/// What vLLM's server exports to Prometheus (vllm/v1/metrics/loggers.py, 0.33): counters, and histograms since the start.

/// A histogram of vLLM's. All values are whole nanoseconds or tokens, and so are all bounds: counts are exact.
enum ServerHistogram: Int, CaseIterable {
    case timeToFirstToken, interTokenLatency, timePerOutputToken, e2eLatency, queueTime, inferenceTime, prefillTime
    case decodeTime, promptTokens, generationTokens

    /// The upper bounds, included; what is beyond the last is counted, too.
    static let firstTokenBounds: [Double] = [
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
        2560,
    ]
    static let tokenBounds: [Double] = [
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
    ]
    static let requestBounds: [Double] = [
        0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
    ]
    static let lengthBounds: [Double] = (0..<10).flatMap { exponent in
        let power = (0..<exponent).reduce(1.0) { power, _ in power * 10 }
        return [power, 2 * power, 5 * power]
    }.filter { $0 <= 2e9 }

    /// In seconds or tokens.
    var bounds: [Double] {
        switch self {
        case .timeToFirstToken: ServerHistogram.firstTokenBounds
        case .interTokenLatency, .timePerOutputToken: ServerHistogram.tokenBounds
        case .promptTokens, .generationTokens: ServerHistogram.lengthBounds
        default: ServerHistogram.requestBounds
        }
    }

    var isTime: Bool { self != .promptTokens && self != .generationTokens }
    /// Above every value, in the unit of the sum.
    var bound: UInt128 { SampleUnit.bound(isWhole: self != .timePerOutputToken) }
    /// What a unit of the sum is, in seconds or tokens.
    var sumUnit: Double { self == .timePerOutputToken ? 1e9 * SampleUnit.fraction : isTime ? 1e9 : 1 }
}

struct ServerMetrics: ~Copyable {
    /// Elements of a histogram: its buckets, the one beyond all bounds included.
    static let stride = 32

    var promptTokens: Int64 = 0
    var generationTokens: Int64 = 0
    /// By finished_reason: stop, length, abort, error.
    var finishedBy: (stop: Int64, length: Int64, abort: Int64, error: Int64) = (0, 0, 0, 0)
    let counts: ZeroedBuffer<Int64>
    let sums: ZeroedBuffer<UInt128>
    /// The bounds of each histogram in nanoseconds or tokens, filled up with Int64.max.
    private let bounds: ZeroedBuffer<Int64>
    /// For each eighth of a power of two the bucket of its lowest value, for the gaps between tokens: no eighth has two bounds.
    private let gapBuckets: ZeroedBuffer<UInt8>

    /// Prompt tokens of the requests that finished, which may have had no token. At most `mostSamplesAfterAll`.
    var finishedPromptTokens: Int64 {
        Int64(truncatingIfNeeded: sums.elements[ServerHistogram.promptTokens.rawValue])
    }
    var finishedGenerationTokens: Int64 {
        Int64(truncatingIfNeeded: sums.elements[ServerHistogram.generationTokens.rawValue])
    }
    var tokens: Int64 { max(promptTokens, generationTokens, finishedPromptTokens) }

    init() throws(BatchingError) {
        let histograms = ServerHistogram.allCases.count
        let counts = try ZeroedBuffer<Int64>(count: histograms * ServerMetrics.stride)
        let sums = try ZeroedBuffer<UInt128>(count: histograms)
        let bounds = try ZeroedBuffer<Int64>(count: histograms * ServerMetrics.stride)
        let gapBuckets = try ZeroedBuffer<UInt8>(count: 64 * 8)
        self.counts = counts
        self.sums = sums
        self.bounds = bounds
        self.gapBuckets = gapBuckets
        self.bounds.elements.update(repeating: Int64.max, count: histograms * ServerMetrics.stride)
        for histogram in ServerHistogram.allCases {
            for (index, bound) in histogram.bounds.enumerated() {
                self.bounds.elements[histogram.rawValue * ServerMetrics.stride + index] =
                    Int64((bound * (histogram.isTime ? 1e9 : 1)).rounded())
            }
        }
        for cell in (3 * 8)..<(63 * 8) {
            let lowest = Int64(8 + cell % 8) << Int64(cell / 8 - 3)
            self.gapBuckets.elements[cell] = UInt8(truncatingIfNeeded: bucket(lowest, .interTokenLatency))
        }
    }

    private func bucket(_ value: Int64, _ histogram: ServerHistogram) -> Int {
        let bounds = bounds.elements + histogram.rawValue * ServerMetrics.stride
        var bucket = 0
        while value > bounds[bucket] { bucket += 1 }
        return bucket
    }

    private func observe(_ value: Int64, _ histogram: ServerHistogram, sum: UInt128? = nil) {
        // The pointers are taken first: adding in place through the buffer breaks the compiler (6.3.1) where
        // ThreadSanitizer is on and optimization off.
        let (counted, added) = (counts.elements, sums.elements)
        let element = histogram.rawValue * ServerMetrics.stride + bucket(value, histogram)
        counted[element] &+= 1
        added[histogram.rawValue] &+= sum ?? UInt128(UInt64(bitPattern: value))
    }

    @inline(__always)
    func gap(_ nanoseconds: Int64) {
        let value = UInt64(bitPattern: nanoseconds)
        let exponent = UInt64(63 &- (value | 8).leadingZeroBitCount)
        // The cell of values below 8 is the first: all of them are below the first bound.
        let cell = value < 8 ? 0 : exponent &<< 3 | (value &>> (exponent &- 3)) & 7
        var bucket = Int(gapBuckets.elements[Int(truncatingIfNeeded: cell)])
        let histogram = ServerHistogram.interTokenLatency.rawValue
        if nanoseconds > bounds.elements[histogram &* ServerMetrics.stride &+ bucket] { bucket &+= 1 }
        let (counted, added) = (counts.elements, sums.elements)
        counted[histogram &* ServerMetrics.stride &+ bucket] &+= 1
        added[histogram] &+= UInt128(value)
    }

    mutating func firstToken(_ request: LiveRequest, at now: Int64) {
        promptTokens &+= Int64(request.promptTokens)
        observe(now &- request.arrival, .timeToFirstToken)
    }

    mutating func finished(_ request: LiveRequest, at now: Int64, reason: FinishReason) {
        switch reason {
        case .stop: finishedBy.stop &+= 1
        case .length: finishedBy.length &+= 1
        }
        observe(now &- request.arrival, .e2eLatency)
        observe(Int64(request.promptTokens), .promptTokens)
        observe(Int64(request.tokens), .generationTokens)
        if request.start >= 0 { observe(request.start &- request.arrival, .queueTime) }
        guard request.firstToken >= 0 else { return }
        // `last` is the time of the last tokens: nothing else comes between the first ones and the end.
        let decode = request.last &- request.firstToken
        observe(decode, .decodeTime)
        if request.tokens > 1 {
            let divisor = Int64(request.tokens &- 1)
            // A quotient is at most a whole bound where its ceiling is.
            let ceiling = decode / divisor + (decode % divisor > 0 ? 1 : 0)
            let scaled = UInt128(UInt64(decode)) << SampleUnit.fractionBits
            observe(
                ceiling, .timePerOutputToken, sum: (scaled + UInt128(UInt64(divisor)) / 2) / UInt128(UInt64(divisor)))
        } else {
            observe(0, .timePerOutputToken)
        }
        if request.start >= 0 {
            observe(request.firstToken &- request.start, .prefillTime)
            observe(request.last &- request.start, .inferenceTime)
        }
    }

    mutating func failed(_ reason: FailureReason) {
        switch reason {
        case .abort: finishedBy.abort &+= 1
        case .error: finishedBy.error &+= 1
        }
    }

    /// Requests that ended.
    var endedCount: Int64 { completed &+ finishedBy.abort &+ finishedBy.error }
    var completed: Int64 { finishedBy.stop &+ finishedBy.length }

    /// What the slots have of all requests that ended: of output tokens at most so many.
    var ended: ServingCounts {
        var ended = ServingCounts()
        ended.completed = completed
        ended.failed = finishedBy.abort &+ finishedBy.error
        ended.inputTokens = finishedPromptTokens
        ended.outputTokens = finishedGenerationTokens &+ completed
        return ended
    }

    func count(_ histogram: ServerHistogram) -> Int64 {
        (0..<ServerMetrics.stride).reduce(0) {
            $0 &+ counts.elements[histogram.rawValue * ServerMetrics.stride + $1]
        }
    }

    mutating func add(_ other: borrowing ServerMetrics) {
        promptTokens &+= other.promptTokens
        generationTokens &+= other.generationTokens
        finishedBy.stop &+= other.finishedBy.stop
        finishedBy.length &+= other.finishedBy.length
        finishedBy.abort &+= other.finishedBy.abort
        finishedBy.error &+= other.finishedBy.error
        let (counted, added) = (counts.elements, sums.elements)
        let (otherCounts, otherSums) = (other.counts.elements, other.sums.elements)
        for element in 0..<(ServerHistogram.allCases.count * ServerMetrics.stride) {
            counted[element] &+= otherCounts[element]
        }
        for histogram in ServerHistogram.allCases {
            added[histogram.rawValue] &+= otherSums[histogram.rawValue]
        }
    }
}
