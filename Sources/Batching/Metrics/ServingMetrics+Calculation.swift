extension ServingMetrics {
    /// Which distributions are wanted; nil: not.
    public struct Wanted {
        public var ttft: WantedDistribution?
        public var tpot: WantedDistribution?
        public var itl: WantedDistribution?
        public var e2e: WantedDistribution?
        public var queueTime: WantedDistribution?
        public var normalizedLatency: WantedDistribution?

        public init() {}

        subscript(sample: ServingSample) -> WantedDistribution? {
            switch sample {
            case .ttft: ttft
            case .tpot: tpot
            case .itl: itl
            case .e2e: e2e
            case .queueTime: queueTime
            case .normalizedLatency: normalizedLatency
            }
        }
    }

    /// - Complexity: O(requests + token times). Memory: 8 bytes a value of the largest distribution that is wanted.
    public init(
        _ recorded: RecordedColumns, _ options: MetricsOptions, _ wanted: Wanted
    ) throws(BatchingError) {
        try options.percentiles.validate()
        let limits = try ServiceLimits(options.levels)
        let given = options.duration
        if let given { _ = try Nanoseconds(seconds: given, argument: "duration") }
        try recorded.validate()

        let totals = ServingTotals(recorded, options.convention, limits)
        duration = given ?? totals.span(options.convention).seconds
        completed = totals.completed
        failed = Int64(recorded.count) - totals.completed
        totalInputTokens = totals.inputTokens
        totalOutputTokens = totals.outputTokens
        if duration > 0 {
            requestThroughput = Double(completed) / duration
            inputThroughput = Double(totalInputTokens) / duration
            outputThroughput = Double(totalOutputTokens) / duration
            totalTokenThroughput = Double(totalInputTokens + totalOutputTokens) / duration
            concurrency = Double(totals.latency) / 1e9 / duration
        }
        if !limits.areNone { setGoodput(totals, limits, Double(recorded.count)) }

        var largest = 0
        for sample in ServingSample.allCases where wanted[sample] != nil {
            largest = max(largest, sample == .itl ? totals.gaps : Int(totals.completed))
        }
        let values = try ScratchBuffer<Double>(uninitialized: largest)
        // Into a list first: nothing is written if memory runs out on the way.
        var results: [(WantedDistribution, Distribution)] = []
        for sample in ServingSample.allCases {
            guard let distribution = wanted[sample] else { continue }
            let count = recorded.fill(values.elements, sample)
            let result = try Distribution(
                of: values.elements, count: count, dividedBy: 1e9, options.percentiles, into: distribution.percentiles)
            results.append((distribution, result))
        }
        for (distribution, result) in results { distribution.write(result) }
    }

    private mutating func setGoodput(_ totals: ServingTotals, _ limits: ServiceLimits, _ requests: Double) {
        good = totals.good
        requestGoodput = duration > 0 ? Double(good) / duration : 0
        func share(_ kept: Int64, _ limit: Int64?) -> Double {
            limit == nil ? .nan : requests > 0 ? Double(kept) / requests : 0
        }
        attainment = requests > 0 ? Double(good) / requests : 0
        ttftAttainment = share(totals.keptTTFT, limits.ttft)
        tpotAttainment = share(totals.keptTPOT, limits.tpot)
        itlAttainment = share(totals.keptITL, limits.itl)
        e2eAttainment = share(totals.keptE2E, limits.e2e)
    }
}

/// What one pass over the requests tells.
private struct ServingTotals {
    var completed: Int64 = 0
    var inputTokens: Int64 = 0
    var outputTokens: Int64 = 0
    /// Nanoseconds, of all answered requests.
    var latency: Int128 = 0
    var gaps = 0
    var good: Int64 = 0
    var keptTTFT: Int64 = 0
    var keptTPOT: Int64 = 0
    var keptITL: Int64 = 0
    var keptE2E: Int64 = 0
    private var firstArrival = Nanoseconds.maximum
    private var lastEnd = Nanoseconds.zero
    private var firstAnsweredArrival = Nanoseconds.maximum
    private var lastAnsweredEnd = Nanoseconds.zero

    init(_ recorded: RecordedColumns, _ convention: MetricsConvention, _ limits: ServiceLimits) {
        for index in 0..<recorded.count {
            let arrival = recorded.arrival(index)
            firstArrival = min(firstArrival, arrival)
            guard recorded.succeeded(index) else {
                let end = recorded.endTime[index]
                if !end.isNaN { lastEnd = max(lastEnd, Nanoseconds(validSeconds: end)) }
                continue
            }
            let request = recorded.answered(index)
            completed &+= 1
            inputTokens &+= Int64(request.prompt)
            outputTokens &+= convention.outputTokens(request.output)
            latency &+= Int128((request.end - arrival).count)
            gaps &+= max(recorded.tokens(index).count - 1, 0)
            firstAnsweredArrival = min(firstAnsweredArrival, arrival)
            lastAnsweredEnd = max(lastAnsweredEnd, request.end)
            if !limits.areNone { count(recorded, index, request, convention, limits) }
        }
        lastEnd = max(lastEnd, lastAnsweredEnd)
    }

    /// From the first arrival to the last end.
    func span(_ convention: MetricsConvention) -> Nanoseconds {
        let (first, last) =
            convention.durationIsOfAnswered ? (firstAnsweredArrival, lastAnsweredEnd) : (firstArrival, lastEnd)
        return last > first ? last - first : .zero
    }

    private mutating func count(
        _ recorded: RecordedColumns, _ index: Int, _ request: AnsweredRequest, _ convention: MetricsConvention,
        _ limits: ServiceLimits
    ) {
        let keepsTTFT = limits.ttft.map { keeps(ttft: request, $0) } ?? true
        let keepsTPOT = limits.tpot.map { keeps(tpot: request, $0, convention) } ?? true
        let keepsITL = limits.itl.map { recorded.longestGap(index) <= $0 } ?? true
        let keepsE2E = limits.e2e.map { (request.end - request.arrival).count <= $0 } ?? true
        keptTTFT &+= keepsTTFT ? 1 : 0
        keptTPOT &+= keepsTPOT ? 1 : 0
        keptITL &+= keepsITL ? 1 : 0
        keptE2E &+= keepsE2E ? 1 : 0
        good &+= keepsTTFT && keepsTPOT && keepsITL && keepsE2E ? 1 : 0
    }

    @inline(__always)
    private func keeps(ttft request: AnsweredRequest, _ limit: Int64) -> Bool {
        guard let firstToken = request.firstToken else { return false }
        return (firstToken - request.arrival).count <= limit
    }

    @inline(__always)
    private func keeps(tpot request: AnsweredRequest, _ limit: Int64, _ convention: MetricsConvention) -> Bool {
        if request.output < 2 { return convention.singleTokenKeepsTPOT }
        guard let firstToken = request.firstToken else { return false }
        // Without the rounding of a division.
        let (longest, overflows) = limit.multipliedReportingOverflow(by: Int64(request.output) - 1)
        return overflows || (request.end - firstToken).count <= longest
    }
}

extension RecordedColumns {
    /// Nanoseconds; 0 where there are no two token times.
    fileprivate func longestGap(_ index: Int) -> Int64 {
        var longest: Int64 = 0
        forEachGap(index) { longest = max(longest, $0) }
        return longest
    }

    @inline(__always)
    private func forEachGap(_ index: Int, _ body: (Int64) -> Void) {
        let tokens = tokens(index)
        guard let tokenTimes, tokens.count > 1 else { return }
        var before = Nanoseconds(validSeconds: tokenTimes[tokens.lowerBound])
        for position in tokens.dropFirst() {
            let time = Nanoseconds(validSeconds: tokenTimes[position])
            body((time - before).count)
            before = time
        }
    }

    /// Writes a sample of the answered requests, in nanoseconds. Returns how many values it has.
    fileprivate func fill(_ values: UnsafeMutablePointer<Double>, _ sample: ServingSample) -> Int {
        switch sample {
        case .ttft: fill(values) { since($0.arrival, $0.firstToken) }
        case .tpot:
            fill(values) { request in
                guard request.output > 1, let firstToken = request.firstToken else { return nil }
                return Double((request.end - firstToken).count) / Double(request.output - 1)
            }
        case .itl: fillGaps(values)
        case .e2e: fill(values) { Double(($0.end - $0.arrival).count) }
        case .queueTime: fill(values) { since($0.arrival, $0.start) }
        case .normalizedLatency:
            fill(values) { $0.output > 0 ? Double(($0.end - $0.arrival).count) / Double($0.output) : nil }
        }
    }

    @inline(__always)
    private func fill(_ values: UnsafeMutablePointer<Double>, _ value: (AnsweredRequest) -> Double?) -> Int {
        var count = 0
        for index in 0..<self.count where succeeded(index) {
            if let value = value(answered(index)) {
                values[count] = value
                count &+= 1
            }
        }
        return count
    }

    private func fillGaps(_ values: UnsafeMutablePointer<Double>) -> Int {
        var count = 0
        for index in 0..<self.count where succeeded(index) {
            forEachGap(index) {
                values[count] = Double($0)
                count &+= 1
            }
        }
        return count
    }
}

/// Nanoseconds from arrival to a time that may be unknown.
@inline(__always)
private func since(_ arrival: Nanoseconds, _ time: Nanoseconds?) -> Double? {
    guard let time else { return nil }
    return Double((time - arrival).count)
}
