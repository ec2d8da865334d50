/// Service-level objectives in nanoseconds: comparisons are exact, and equality keeps an objective. nil: none.
struct ServiceLimits: BitwiseCopyable, Equatable {
    var ttft: Int64?
    var tpot: Int64?
    var itl: Int64?
    var e2e: Int64?

    init(_ levels: SLO) throws(BatchingError) {
        func limit(_ seconds: Double?, _ name: StaticString) throws(BatchingError) -> Int64? {
            guard let seconds else { return nil }
            return try Nanoseconds(seconds: seconds, argument: name).count
        }
        ttft = try limit(levels.ttft, "slo_ttft")
        tpot = try limit(levels.tpot, "slo_tpot")
        itl = try limit(levels.itl, "slo_itl")
        e2e = try limit(levels.e2e, "slo_e2e")
    }

    init(ttft: Int64?, tpot: Int64?, itl: Int64?, e2e: Int64?) {
        self.ttft = ttft
        self.tpot = tpot
        self.itl = itl
        self.e2e = e2e
    }

    var areNone: Bool { ttft == nil && tpot == nil && itl == nil && e2e == nil }

    /// The latest arrival, in nanoseconds, at which what is known at `time` decides on TTFT and E2E; negative: none.
    func lastArrival(dueBy time: Nanoseconds) -> Int64 { time.count &- max(ttft ?? 0, e2e ?? 0) }

    /// Which objectives an answered request keeps. An objective that there is not is kept.
    /// - Parameters:
    ///   - timeToFirstToken: nil: there was none.
    ///   - decode: from the first token to the end.
    ///   - longestGap: between two of its tokens; 0 where there are none.
    @inline(__always)
    func kept(
        timeToFirstToken: Int64?, decode: Int64, output: Int32, longestGap: Int64, latency: Int64,
        _ convention: MetricsConvention
    ) -> KeptObjectives {
        var kept = KeptObjectives()
        if let ttft { kept.ttft = timeToFirstToken.map { $0 <= ttft } ?? false }
        if let tpot {
            if output < 2 {
                kept.tpot = convention.singleTokenKeepsTPOT
            } else if timeToFirstToken == nil {
                kept.tpot = false
            } else {
                // Without the rounding of a division.
                let (longest, overflows) = tpot.multipliedReportingOverflow(by: Int64(output) - 1)
                kept.tpot = overflows || decode <= longest
            }
        }
        if let itl { kept.itl = longestGap <= itl }
        if let e2e { kept.e2e = latency <= e2e }
        return kept
    }
}

struct KeptObjectives {
    var ttft = true
    var tpot = true
    var itl = true
    var e2e = true

    @inline(__always)
    var all: Bool { ttft && tpot && itl && e2e }
}

/// What is counted of requests that ended.
struct ServingCounts: BitwiseCopyable, Equatable {
    var completed: Int64 = 0
    var failed: Int64 = 0
    var inputTokens: Int64 = 0
    var outputTokens: Int64 = 0
    /// Those that keep all objectives, and each.
    var good: Int64 = 0
    var goodTTFT: Int64 = 0
    var goodTPOT: Int64 = 0
    var goodITL: Int64 = 0
    var goodE2E: Int64 = 0

    /// Counts a request that was answered.
    @inline(__always)
    mutating func add(prompt: Int32, output: Int32, _ convention: MetricsConvention) {
        completed &+= 1
        inputTokens &+= Int64(prompt)
        outputTokens &+= convention.outputTokens(output)
    }

    @inline(__always)
    mutating func add(_ kept: KeptObjectives) {
        goodTTFT &+= kept.ttft ? 1 : 0
        goodTPOT &+= kept.tpot ? 1 : 0
        goodITL &+= kept.itl ? 1 : 0
        goodE2E &+= kept.e2e ? 1 : 0
        good &+= kept.all ? 1 : 0
    }

    mutating func add(_ other: ServingCounts) {
        completed &+= other.completed
        failed &+= other.failed
        inputTokens &+= other.inputTokens
        outputTokens &+= other.outputTokens
        good &+= other.good
        goodTTFT &+= other.goodTTFT
        goodTPOT &+= other.goodTPOT
        goodITL &+= other.goodITL
        goodE2E &+= other.goodE2E
    }
}

extension ServingMetrics {
    /// - Parameters:
    ///   - duration: seconds.
    ///   - latency: the sum of all E2E latencies in seconds.
    ///   - notDue: how many were too late to be held against the limits.
    init(
        _ counts: ServingCounts, duration: Double, latency: Double, _ limits: ServiceLimits, notDue: Int64 = 0
    ) {
        self.duration = duration
        completed = counts.completed
        failed = counts.failed
        totalInputTokens = counts.inputTokens
        totalOutputTokens = counts.outputTokens
        if duration > 0 {
            requestThroughput = Double(completed) / duration
            inputThroughput = Double(totalInputTokens) / duration
            outputThroughput = Double(totalOutputTokens) / duration
            // Unsigned: of an accumulator each may be a little above 2^62.
            let tokens = UInt64(bitPattern: totalInputTokens) &+ UInt64(bitPattern: totalOutputTokens)
            totalTokenThroughput = Double(tokens) / duration
            concurrency = latency / duration
        }
        if limits.areNone { return }
        judged = counts.completed &+ counts.failed &- notDue
        let all = Double(judged)
        func share(_ kept: Int64) -> Double { all > 0 ? Double(kept) / all : 0 }
        good = counts.good
        requestGoodput = duration > 0 ? Double(good) / duration : 0
        attainment = share(good)
        if limits.ttft != nil { ttftAttainment = share(counts.goodTTFT) }
        if limits.tpot != nil { tpotAttainment = share(counts.goodTPOT) }
        if limits.itl != nil { itlAttainment = share(counts.goodITL) }
        if limits.e2e != nil { e2eAttainment = share(counts.goodE2E) }
    }
}
