extension ServingMetrics {
    /// Which distributions are wanted; nil: not.
    public struct Wanted {
        /// Time to first token: first token - arrival.
        public var ttft: WantedDistribution?
        /// Time per output token: (end - first token) / (tokens - 1), where that is above 0.
        public var tpot: WantedDistribution?
        /// Inter-token latency: the gaps between a request's tokens, of all requests together.
        public var itl: WantedDistribution?
        /// End-to-end latency: end - arrival.
        public var e2e: WantedDistribution?
        /// Start - arrival, where the start is known.
        public var queueTime: WantedDistribution?
        /// End-to-end latency by output token.
        public var normalizedLatency: WantedDistribution?
        /// Arrival - client arrival, where that is known.
        public var clientQueueTime: WantedDistribution?
        /// End - client arrival, where that is known.
        public var e2eIncludingClientQueue: WantedDistribution?

        /// None.
        public init() {}

        subscript(sample: ServingSample) -> WantedDistribution? {
            switch sample {
            case .ttft: ttft
            case .tpot: tpot
            case .itl: itl
            case .e2e: e2e
            case .queueTime: queueTime
            case .normalizedLatency: normalizedLatency
            case .clientQueueTime: clientQueueTime
            case .e2eIncludingClientQueue: e2eIncludingClientQueue
            }
        }
    }

    /// - Complexity: O(requests + token times). Memory: 8 bytes a value of the largest distribution that is wanted.
    public init(
        _ recorded: RecordedColumns, _ options: ServingMetricsConfig, _ wanted: Wanted
    ) throws(BatchingError) {
        try options.percentiles.validate()
        let limits = try ServiceLimits(options.levels)
        let given = options.duration
        if let given { _ = try Nanoseconds(seconds: given, argument: "duration") }
        var lastJudged = Nanoseconds.maximum.count
        if let dueBy = options.dueBy {
            lastJudged = limits.lastArrival(dueBy: try Nanoseconds(seconds: dueBy, argument: "slo_due_by"))
        }
        if limits.itl != nil, recorded.tokenTimes == nil, recorded.count > 0 {
            throw BatchingError(.invalidArgument, "slo_itl is given: token_times must be, too")
        }
        let totals = try ServingTotals(recorded, options.convention, limits, lastJudged: lastJudged)
        self.init(
            totals.counts, duration: given ?? totals.span(options.convention).seconds,
            latency: Double(totals.latency) / 1e9, limits, notDue: totals.notDue)

        var largest = 0
        for sample in ServingSample.allCases where wanted[sample] != nil {
            largest = max(largest, sample == .itl ? totals.gaps : Int(totals.counts.completed))
        }
        guard largest <= Int(UInt32.max) else {
            throw BatchingError(.overflow, "there are \(largest) gaps between tokens: must be at most 4294967295")
        }
        let values = try ScratchBuffer<Double>(uninitialized: largest)
        // Nothing is written before all is known: memory may run out on the way.
        let percentileCount = options.percentiles.count
        let percentiles = try ScratchBuffer<Double>(uninitialized: ServingSample.allCases.count * percentileCount)
        let results = try ScratchBuffer<Distribution>(count: ServingSample.allCases.count, repeating: Distribution())
        for (number, sample) in ServingSample.allCases.enumerated() {
            if wanted[sample] == nil { continue }
            let count = try recorded.fill(values.elements, sample)
            let place = percentiles.elements + number * percentileCount
            results.elements[number] = try Distribution(
                of: values.elements, count: count, dividedBy: 1e9, options.percentiles, into: place)
        }
        for (number, sample) in ServingSample.allCases.enumerated() {
            guard let distribution = wanted[sample] else { continue }
            let place = percentiles.elements + number * percentileCount
            distribution.percentiles?.update(from: place, count: percentileCount)
            distribution.write(results.elements[number])
        }
    }
}

/// What one pass over the requests tells.
private struct ServingTotals {
    var counts = ServingCounts()
    /// Requests that arrived too late to be held against the limits.
    var notDue: Int64 = 0
    /// Nanoseconds, of all answered requests.
    var latency: Int128 = 0
    var gaps = 0
    private var firstArrival = Nanoseconds.maximum
    private var lastEnd = Nanoseconds.zero
    private var firstAnsweredArrival = Nanoseconds.maximum
    private var lastAnsweredEnd = Nanoseconds.zero

    /// Throws at the first request that is not valid.
    /// - Parameter lastJudged: nanoseconds: requests that arrive later are not held against the limits.
    init(
        _ recorded: RecordedColumns, _ convention: MetricsConvention, _ limits: ServiceLimits, lastJudged: Int64
    ) throws(BatchingError) {
        try recorded.validateShape()
        // A copy, which is kept in registers.
        var totals = self
        try Work.rows(of: recorded.count) { (index) throws(BatchingError) in
            try recorded.validate(index)
            let arrival = recorded.arrival(index)
            totals.firstArrival = min(totals.firstArrival, arrival)
            let isDue = arrival.count <= lastJudged
            totals.notDue &+= isDue ? 0 : 1
            guard recorded.succeeded(index) else {
                let end = recorded.endTime[index]
                if !end.isNaN { totals.lastEnd = max(totals.lastEnd, Nanoseconds(validSeconds: end)) }
                totals.counts.failed &+= 1
                return
            }
            let request = recorded.answered(index)
            totals.counts.add(prompt: request.prompt, output: request.output, convention)
            totals.latency &+= Int128((request.end - arrival).count)
            totals.gaps &+= max(recorded.tokens(index).count - 1, 0)
            totals.firstAnsweredArrival = min(totals.firstAnsweredArrival, arrival)
            totals.lastAnsweredEnd = max(totals.lastAnsweredEnd, request.end)
            if limits.areNone || !isDue { return }
            totals.counts.add(
                limits.kept(
                    timeToFirstToken: request.firstToken.map { ($0 - arrival).count },
                    decode: (request.end - (request.firstToken ?? request.end)).count, output: request.output,
                    longestGap: limits.itl == nil ? 0 : recorded.longestGap(index),
                    latency: (request.end - arrival).count, convention))
        }
        self = totals
        lastEnd = max(lastEnd, lastAnsweredEnd)
    }

    /// From the first arrival to the last end.
    func span(_ convention: MetricsConvention) -> Nanoseconds {
        let (first, last) =
            convention.durationIsOfAnswered ? (firstAnsweredArrival, lastAnsweredEnd) : (firstArrival, lastEnd)
        return last > first ? last - first : .zero
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
    fileprivate func fill(_ values: UnsafeMutablePointer<Double>, _ sample: ServingSample) throws(BatchingError) -> Int
    {
        switch sample {
        case .ttft: try fill(values, from: .arrival, to: .firstToken) { span, _ in span }
        case .tpot:
            try fill(values, from: .firstToken, to: .end) { span, output in
                output > 1 ? span / Double(output &- 1) : nil
            }
        case .itl: try fillGaps(values)
        case .e2e: try fill(values, from: .arrival, to: .end) { span, _ in span }
        case .queueTime: try fill(values, from: .arrival, to: .start) { span, _ in span }
        case .normalizedLatency:
            try fill(values, from: .arrival, to: .end) { span, output in output > 0 ? span / Double(output) : nil }
        case .clientQueueTime: try fill(values, from: .clientArrival, to: .arrival) { span, _ in span }
        case .e2eIncludingClientQueue: try fill(values, from: .clientArrival, to: .end) { span, _ in span }
        }
    }

    /// Writes a value for each answered request of which both times are known.
    /// - Parameter value: of the nanoseconds from the one to the other and the output tokens; nil: there is none.
    @inline(__always)
    private func fill(
        _ values: UnsafeMutablePointer<Double>, from start: RequestTime, to end: RequestTime,
        _ value: (Double, Int32) -> Double?
    ) throws(BatchingError) -> Int {
        let space = try ScratchBuffer<Double>(uninitialized: 2 * blockSize)
        let spans = try ScratchBuffer<Int64>(uninitialized: blockSize)
        var count = 0
        try Work.inPieces(of: self.count) { piece in
            var first = piece.lowerBound
            while first < piece.upperBound {
                let rows = first..<min(first &+ blockSize, piece.upperBound)
                let starts = times(start, rows, space.elements)
                let ends = times(end, rows, space.elements + blockSize)
                Nanoseconds.spans(from: starts, to: ends, count: rows.count, into: spans.elements)
                for place in 0..<rows.count where succeeded(first &+ place) {
                    guard !starts[place].isNaN, !ends[place].isNaN,
                        let value = value(Double(spans.elements[place]), outputLength[first &+ place])
                    else { continue }
                    values[count] = value
                    count &+= 1
                }
                first = rows.upperBound
            }
        }
        return count
    }

    /// Seconds, not-a-number where it is unknown: of some rows, in `space`, or where they are.
    private func times(
        _ time: RequestTime, _ rows: Range<Int>, _ space: UnsafeMutablePointer<Double>
    ) -> UnsafePointer<Double> {
        let column =
            switch time {
            case .clientArrival: clientArrivalTime
            case .arrival: arrivalTime
            case .start: startTime
            case .firstToken: firstTokenTime
            case .end: endTime
            }
        if let column { return column + rows.lowerBound }
        for row in rows {
            space[row &- rows.lowerBound] =
                switch time {
                case .arrival: 0
                case .firstToken: firstTokenTime(row)
                default: .nan
                }
        }
        return UnsafePointer(space)
    }

    private func fillGaps(_ values: UnsafeMutablePointer<Double>) throws(BatchingError) -> Int {
        var count = 0
        var counted = 0
        for index in 0..<self.count {
            try Work.row(index)
            if count &- counted >= Work.piece {
                try Work.done(Int64(count &- counted))
                counted = count
            }
            guard succeeded(index) else { continue }
            forEachGap(index) {
                values[count] = Double($0)
                count &+= 1
            }
        }
        return count
    }
}

/// Rows whose times are rounded together.
private let blockSize = 512

private enum RequestTime {
    case clientArrival, arrival, start, firstToken, end
}
