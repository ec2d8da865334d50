/// The parts of the time of requests, as a run has written them: borrowed columns, in seconds.
public struct AttributedRequests {
    let count: Int
    /// In the order of the struct of the C header.
    let parts: AttributionParts<UnsafePointer<Double>?>
    let status: UnsafePointer<Int32>?

    /// - Parameters:
    ///   - parts: `count` elements each; nil: all 0.0. Requests that have a not-a-number in one of them are left out.
    ///   - status: of those, only the finished are looked at. nil: all.
    public init(count: Int, parts: AttributionParts<UnsafePointer<Double>?>, status: UnsafePointer<Int32>?) {
        self.count = count
        self.parts = parts
        self.status = status
    }
}

/// One value for each part.
public struct AttributionParts<Value> {
    /// Waiting for a slot, for tokens of the budget, for the iteration or the batch under way to end, or for a batch to
    /// form.
    public var waitingForSlot: Value
    /// Waiting while no request was admitted for want of KV blocks.
    public var waitingForMemory: Value
    /// From its admission until it decodes for the first time.
    public var prefill: Value
    /// Decoding, as long as it would take without the prefill of other requests.
    public var decode: Value
    /// What the prefill of other requests added to that.
    public var slowedByPrefill: Value
    /// From being preempted until it decoded again.
    public var preempted: Value
    /// After its last token, in a batch that was not done.
    public var heldInBatch: Value
    /// At its client, from its arrival to the time at which it was sent.
    public var waitingForClient: Value

    /// One value for each part.
    public init(
        waitingForSlot: Value, waitingForMemory: Value, prefill: Value, decode: Value, slowedByPrefill: Value,
        preempted: Value, heldInBatch: Value, waitingForClient: Value
    ) {
        self.waitingForSlot = waitingForSlot
        self.waitingForMemory = waitingForMemory
        self.prefill = prefill
        self.decode = decode
        self.slowedByPrefill = slowedByPrefill
        self.preempted = preempted
        self.heldInBatch = heldInBatch
        self.waitingForClient = waitingForClient
    }

    /// All the same.
    init(_ value: Value) {
        self.init(
            waitingForSlot: value, waitingForMemory: value, prefill: value, decode: value, slowedByPrefill: value,
            preempted: value, heldInBatch: value, waitingForClient: value)
    }

    @inline(__always)
    func map<Other>(_ transform: (Value) -> Other) -> AttributionParts<Other> {
        AttributionParts<Other>(
            waitingForSlot: transform(waitingForSlot), waitingForMemory: transform(waitingForMemory),
            prefill: transform(prefill), decode: transform(decode), slowedByPrefill: transform(slowedByPrefill),
            preempted: transform(preempted), heldInBatch: transform(heldInBatch),
            waitingForClient: transform(waitingForClient))
    }
}

extension AttributionParts: BitwiseCopyable where Value: BitwiseCopyable {}

/// What dominates the slowest: the means of the parts for the requests of each band of percentiles of the whole.
public enum AttributionBands {
    /// One band.
    public struct Band {
        /// Requests in it.
        public var requests: Int64 = 0
        /// Seconds: the shortest time from arrival to end; 0 if there are no requests in it, as all that follows.
        public var shortest = 0.0
        /// Seconds: the longest time from arrival to end.
        public var longest = 0.0
        /// Seconds: the mean time from arrival to end.
        public var meanTotal = 0.0
        /// Seconds: the mean of each part.
        public var mean = AttributionParts(0.0)
    }

    /// The most bands.
    public static let most = 1000

    /// - Parameters:
    ///   - percentiles: rising, each in 0...100: the edges of the bands, one more than there are bands.
    ///   - write: is given the bands in order.
    /// - Complexity: O(count) time for each 13 bits of the range of the totals, and O(log(bands)) a request; 32 KiB a
    ///   band.
    public static func calculate(
        _ requests: AttributedRequests, percentiles: UnsafeBufferPointer<Double>, write: (Int, Band) -> Void
    ) throws(BatchingError) {
        try Validation.count(requests.count, "count")
        try check(percentiles)
        let bandCount = percentiles.count - 1
        if bandCount < 1 { return }
        let summary = try survey(requests)
        if summary.included == 0 {
            for band in 0..<bandCount { write(band, Band()) }
            return
        }
        // Band i is above edge i and up to edge i + 1.
        let edges = try edges(requests, percentiles, summary)
        let sums = try ScratchBuffer(count: bandCount, repeating: BandSums())
        for index in 0..<requests.count {
            try Work.row(index)
            guard let total = requests.total(index), let band = band(of: total, edges.elements, bandCount) else {
                continue
            }
            sums.elements[band].add(requests.times(index), total: total)
        }
        for band in 0..<bandCount { write(band, sums.elements[band].band) }
    }

    private static func check(_ percentiles: UnsafeBufferPointer<Double>) throws(BatchingError) {
        guard percentiles.count - 1 <= most else {
            throw .invalid("band_count", percentiles.count - 1, "must be at most \(most)")
        }
        for index in 0..<percentiles.count {
            let value = percentiles[index]
            guard value >= 0, value <= 100 else {
                throw .invalid("percentiles", index, value, "must be between 0 and 100")
            }
            if index > 0, value <= percentiles[index - 1] {
                throw .invalid(
                    "percentiles", index, value,
                    "must be above percentiles[\(index - 1)], which is \(percentiles[index - 1])")
            }
        }
    }

    private struct Survey {
        var included = 0
        var smallest = Int64.max
        var largest: Int64 = 0
    }

    private static func survey(_ requests: AttributedRequests) throws(BatchingError) -> Survey {
        var survey = Survey()
        for index in 0..<requests.count {
            try Work.row(index)
            if let defect = requests.defect(index) { throw defect }
            guard let total = requests.total(index) else { continue }
            survey.included += 1
            survey.smallest = min(survey.smallest, total)
            survey.largest = max(survey.largest, total)
        }
        return survey
    }

    /// The total at each percentile: the smallest that at least so many percent of the requests do not exceed. At 0: less
    /// than any.
    private static func edges(
        _ requests: AttributedRequests, _ percentiles: UnsafeBufferPointer<Double>, _ survey: Survey
    ) throws(BatchingError) -> ScratchBuffer<Int64> {
        let edges = try ScratchBuffer<Int64>(count: percentiles.count, repeating: -1)
        let ranks = try ScratchBuffer<Int>(uninitialized: percentiles.count)
        var sought = 0
        for percentile in percentiles where percentile > 0 {
            let rank = (Double(survey.included) * percentile / 100).rounded(.up)
            ranks.elements[sought] = min(Int(rank), survey.included) - 1
            sought += 1
        }
        let statistics = try OrderStatistics(ranks: UnsafeBufferPointer(start: ranks.elements, count: sought))
        // Those left out are put behind all others, where no rank is looked for.
        try statistics.select(
            Totals(requests: requests, leftOut: survey.largest), count: requests.count, smallest: survey.smallest,
            largest: survey.largest)
        let first = percentiles.count - sought
        for number in 0..<sought {
            edges.elements[first + number] = statistics.value(rank: ranks.elements[number])
        }
        return edges
    }

    /// The band above whose lower edge, and not above whose upper edge, the total is.
    @inline(__always)
    private static func band(of total: Int64, _ edges: UnsafeMutablePointer<Int64>, _ bandCount: Int) -> Int? {
        if total <= edges[0] || total > edges[bandCount] { return nil }
        var (low, high) = (0, bandCount - 1)
        while low < high {
            let middle = (low + high) / 2
            if total > edges[middle + 1] { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The whole time of each request.
private struct Totals: IntegerColumn {
    let requests: AttributedRequests
    let leftOut: Int64

    @inline(__always)
    subscript(index: Int) -> Int64 { requests.total(index) ?? leftOut }
}

private struct BandSums: BitwiseCopyable {
    private var requests: Int64 = 0
    private var shortest = Int64.max
    private var longest: Int64 = 0
    private var total: UInt128 = 0
    private var parts = AttributionParts<UInt128>(0)

    @inline(__always)
    mutating func add(_ times: AttributionParts<Nanoseconds>, total whole: Int64) {
        requests &+= 1
        shortest = min(shortest, whole)
        longest = max(longest, whole)
        total &+= UInt128(truncatingIfNeeded: whole)
        parts.waitingForSlot &+= UInt128(truncatingIfNeeded: times.waitingForSlot.count)
        parts.waitingForMemory &+= UInt128(truncatingIfNeeded: times.waitingForMemory.count)
        parts.prefill &+= UInt128(truncatingIfNeeded: times.prefill.count)
        parts.decode &+= UInt128(truncatingIfNeeded: times.decode.count)
        parts.slowedByPrefill &+= UInt128(truncatingIfNeeded: times.slowedByPrefill.count)
        parts.preempted &+= UInt128(truncatingIfNeeded: times.preempted.count)
        parts.heldInBatch &+= UInt128(truncatingIfNeeded: times.heldInBatch.count)
        parts.waitingForClient &+= UInt128(truncatingIfNeeded: times.waitingForClient.count)
    }

    var band: AttributionBands.Band {
        if requests == 0 { return AttributionBands.Band() }
        let count = Double(requests)
        return AttributionBands.Band(
            requests: requests, shortest: Nanoseconds(shortest).seconds, longest: Nanoseconds(longest).seconds,
            meanTotal: Double(total) / count / 1e9, mean: parts.map { Double($0) / count / 1e9 })
    }
}

extension AttributedRequests {
    /// Nanoseconds from arrival to end, which is the sum of the parts; nil if the request is left out.
    @inline(__always)
    fileprivate func total(_ index: Int) -> Int64? {
        if let status, status[index] != RequestStatus.finished.rawValue { return nil }
        let seconds = parts.map { $0?[index] ?? 0 }
        let sum =
            seconds.waitingForSlot + seconds.waitingForMemory + seconds.prefill + seconds.decode
            + seconds.slowedByPrefill + seconds.preempted + seconds.heldInBatch + seconds.waitingForClient
        if sum.isNaN { return nil }
        let times = times(index)
        return times.waitingForSlot.count &+ times.waitingForMemory.count &+ times.prefill.count
            &+ times.decode.count &+ times.slowedByPrefill.count &+ times.preempted.count &+ times.heldInBatch.count
            &+ times.waitingForClient.count
    }

    /// The parts of a request that is not left out, once they have been checked.
    @inline(__always)
    fileprivate func times(_ index: Int) -> AttributionParts<Nanoseconds> {
        parts.map { Nanoseconds(validSeconds: $0?[index] ?? 0) }
    }

    /// What is wrong with the parts of a request, if anything.
    @inline(__always)
    fileprivate func defect(_ index: Int) -> BatchingError? {
        if let status, status[index] != RequestStatus.finished.rawValue { return nil }
        var sum = 0.0
        var areValid = true
        _ = parts.map { column in
            let seconds = column?[index] ?? 0
            areValid = areValid && (seconds.isNaN || Nanoseconds.holds(seconds))
            sum += seconds
        }
        // The nanoseconds then stay within 64 bits, whatever the rounding of this sum.
        return areValid && !(sum > Nanoseconds.maximumSeconds) ? nil : describedDefect(index, sum)
    }

    @inline(never)
    private func describedDefect(_ index: Int, _ sum: Double) -> BatchingError {
        func check(_ column: UnsafePointer<Double>?, _ name: StaticString) throws(BatchingError) {
            if let time = column?[index], !time.isNaN, !Nanoseconds.holds(time) {
                throw .invalid("\(name)", index, time, Nanoseconds.requirement)
            }
        }
        do throws(BatchingError) {
            try check(parts.waitingForSlot, "waiting_for_slot")
            try check(parts.waitingForMemory, "waiting_for_memory")
            try check(parts.prefill, "prefill")
            try check(parts.decode, "decode")
            try check(parts.slowedByPrefill, "slowed_by_prefill")
            try check(parts.preempted, "preempted")
            try check(parts.heldInBatch, "held_in_batch")
            try check(parts.waitingForClient, "waiting_for_client")
        } catch {
            return error
        }
        return BatchingError(
            .invalidArgument,
            "the parts of request \(index) add up to \(sum) seconds: must be at most 9223372036")
    }
}
