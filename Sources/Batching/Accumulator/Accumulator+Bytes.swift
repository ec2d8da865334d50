/// The whole state as bytes, and back. The same state gives the same bytes: samples that are kept exactly are sorted, and
/// so are the requests in flight. Everything is checked as it is read, as the checksum tells of accidents only.
extension Accumulator {
    private static let envelope = ByteEnvelope(magic: 0x4343_4148_4354_4142, version: 1, oldest: 1)  // "BATCHACC"

    /// How many bytes `save` writes.
    public mutating func savedSize() throws(BatchingError) -> Int {
        settle()
        return try Accumulator.envelope.size { (writer: inout ByteWriter) throws(BatchingError) in
            try write(to: &writer)
        }
    }

    /// - Parameter buffer: room for `savedSize()` bytes.
    public mutating func save(into buffer: UnsafeMutablePointer<UInt8>) throws(BatchingError) {
        settle()
        try Accumulator.envelope.write(into: buffer) { (writer: inout ByteWriter) throws(BatchingError) in
            try write(to: &writer)
        }
    }

    /// An accumulator from the bytes that `save` wrote, in this process or another. Throws if they were changed since,
    /// or are of another version.
    public static func load(
        _ bytes: UnsafePointer<UInt8>, count: Int
    ) throws(BatchingError) -> Accumulator {
        var reader = try envelope.open(bytes, count: count)
        var accumulator = try Accumulator(AccumulatorLimits(&reader))
        try accumulator.read(&reader)
        guard reader.isAtEnd else { throw .corrupt("more bytes follow") }
        return accumulator
    }

    private func write(to writer: inout ByteWriter) throws(BatchingError) {
        limits.write(to: &writer)
        writer.write(each: [clock, firstArrival, arrivedCount])
        served.write(to: &writer)
        write(older, to: &writer)
        for number in oldestSlot...newestSlot { write(slot(number), to: &writer) }
        writer.write(Int64(live.count))
        try live.sort(into: order.elements)
        for index in 0..<live.count {
            try Work.row(index)
            let request = live.at(order.elements[index])
            let state = request.pointee
            writer.write(each: [state.id, state.last, state.arrival, state.start, state.firstToken])
            writer.write(state.promptTokens)
            writer.write(state.tokens)
            writer.write(state.gapCount)
            live.forEachGap(request) { writer.write($0) }
            if state.gapCount >= Work.piece { try Work.done(Int64(state.gapCount)) }
        }
    }

    private func write<Counter>(_ slot: Slot<Counter>, to writer: inout ByteWriter) {
        let counts = slot.counts.pointee
        writer.write(each: [
            counts.completed, counts.failed, counts.inputTokens, counts.outputTokens, counts.good, counts.goodTTFT,
            counts.goodTPOT, counts.goodITL, counts.goodE2E,
        ])
        if counts.completed == 0 { return }
        for metric in ServingSample.accumulated {
            let samples = slot[metric]
            let moments = samples.moments.pointee
            writer.write(moments.count)
            if moments.count == 0 { continue }
            writer.write(each: [moments.sum, moments.squaresLow, moments.squaresHigh])
            writer.write(moments.smallest)
            writer.write(moments.largest)
            if moments.count <= Int64(SketchBins.exactCount) {
                // Their order means nothing, so they may stay sorted.
                Heap.sort(samples.exact, count: Int(moments.count), by: <)
                for index in 0..<Int(moments.count) { writer.write(samples.exact[index]) }
            } else {
                for row in 0..<SketchBins.rows where moments.rows >> UInt64(row) & 1 == 1 {
                    for bin in (row << SketchBins.rowBits)..<((row + 1) << SketchBins.rowBits)
                    where samples.bins[bin] != 0 {
                        writer.write(UInt16(bin))
                        writer.write(UInt64(samples.bins[bin]))
                    }
                }
                writer.write(UInt16.max)
            }
        }
    }

    private mutating func read(_ reader: inout ByteReader) throws(BatchingError) {
        clock = try reader.integer(0...Nanoseconds.maximum.count)
        firstArrival = try reader.integer(0...Int64.max)
        arrivedCount = try reader.integer(0...Accumulator.mostRequests)
        guard arrivedCount == 0 ? firstArrival == Int64.max : firstArrival <= clock else {
            throw .corrupt("the first arrival is after the clock")
        }
        newestSlot = clock / limits.slotLength
        try served.read(&reader, requests: arrivedCount)
        // What is not in a slot yet of all that ended, and of all gaps.
        var left = served.ended
        var gaps = served.count(.interTokenLatency)
        let withoutSlots = left.outputTokens
        try Accumulator.read(
            older, &reader, left: &left, gaps: &gaps, mostRequests: Accumulator.mostRequests,
            mostSamples: Accumulator.mostSamplesAfterAll)
        for number in oldestSlot...newestSlot {
            let before = left
            try Accumulator.read(
                slot(number), &reader, left: &left, gaps: &gaps, mostRequests: Accumulator.mostSamplesOfSlot,
                mostSamples: Accumulator.mostSamplesOfSlot)
            guard number >= 0 || left == before else { throw .corrupt("a request ended before time began") }
        }
        let count = try reader.integer(0...Int64(limits.maxRequests))
        guard left.completed == 0, left.failed == 0, left.inputTokens == 0,
            withoutSlots &- left.outputTokens >= served.finishedGenerationTokens,
            served.endedCount &+ count == arrivedCount
        else { throw .corrupt("requests are missing") }
        var inFlight = TokensInFlight()
        var previous = Int64.min
        for index in 0..<count {
            try Work.row(Int(index))
            let request = try readRequest(&reader, after: index == 0 ? nil : previous)
            inFlight.add(request)
            previous = request.id
        }
        guard gaps >= Int64(live.gapCount),
            served.generationTokens &- inFlight.tokens >= served.finishedGenerationTokens
        else { throw .corrupt("tokens are missing") }
        // However those in flight go on, what is written then can be read, too.
        let most = Accumulator.mostSamplesAfterAll
        guard served.promptTokens <= most &- inFlight.newPrompts,
            served.finishedPromptTokens <= most &- inFlight.prompts,
            served.generationTokens <= most &- inFlight.tokensToCome,
            served.count(.interTokenLatency) <= most &- count &* Int64(limits.maxGaps),
            served.count(.timeToFirstToken) <= arrivedCount &- inFlight.newRequests
        else { throw .corrupt("a number is out of its range") }
    }

    private mutating func readRequest(
        _ reader: inout ByteReader, after previous: Int64?
    ) throws(BatchingError) -> LiveRequest {
        var request = LiveRequest()
        request.id = try reader.read(Int64.self)
        if let previous, previous >= request.id { throw .corrupt("requests are not in order") }
        request.last = try reader.integer(0...clock)
        request.arrival = try reader.integer(firstArrival...max(firstArrival, request.last))
        request.start = try reader.integer(-1...request.last)
        request.firstToken = try reader.integer(-1...request.last)
        guard request.arrival <= request.last, request.start < 0 || request.start >= request.arrival,
            request.firstToken < 0 || request.firstToken >= max(request.arrival, request.start)
        else { throw .corrupt("a request goes back in time") }
        request.promptTokens = try reader.read(Int32.self)
        request.tokens = try reader.read(Int32.self)
        let gapCount = try reader.read(UInt32.self)
        guard request.promptTokens >= 0, request.tokens >= 0, Int(gapCount) <= limits.maxGaps - live.gapCount,
            request.firstToken >= 0 || (gapCount == 0 && request.tokens == 0)
        else { throw .corrupt("a request has tokens that it cannot have") }
        let added = live.insert(request)
        if request.isWaiting { waitingCount += 1 }
        var left = request.firstToken < 0 ? 0 : request.last - request.firstToken
        for _ in 0..<gapCount {
            let gap = try reader.integer(0...left)
            left -= gap
            live.append(gap: gap, to: added)
        }
        guard left == 0 else { throw .corrupt("the gaps of a request do not add up") }
        return request
    }

    private static func read<Counter>(
        _ slot: Slot<Counter>, _ reader: inout ByteReader, left: inout ServingCounts, gaps: inout Int64,
        mostRequests: Int64, mostSamples: Int64
    ) throws(BatchingError) {
        var counts = ServingCounts()
        counts.completed = try reader.integer(0...min(left.completed, mostRequests))
        counts.failed = try reader.integer(0...left.failed)
        counts.inputTokens = try reader.integer(0...left.inputTokens)
        counts.outputTokens = try reader.integer(0...left.outputTokens)
        counts.good = try reader.integer(0...counts.completed)
        counts.goodTTFT = try reader.integer(counts.good...counts.completed)
        counts.goodTPOT = try reader.integer(counts.good...counts.completed)
        counts.goodITL = try reader.integer(counts.good...counts.completed)
        counts.goodE2E = try reader.integer(counts.good...counts.completed)
        left.completed &-= counts.completed
        left.failed &-= counts.failed
        left.inputTokens &-= counts.inputTokens
        left.outputTokens &-= counts.outputTokens
        slot.counts.pointee = counts
        if counts.completed == 0 { return }
        for metric in ServingSample.accumulated {
            let most = metric == .itl ? min(mostSamples, gaps) : counts.completed
            let least = metric == .e2e ? counts.completed : 0
            let count = try reader.integer(least...max(least, most))
            try read(slot[metric], &reader, count: count, isWhole: metric.isWhole)
            if metric == .itl { gaps &-= count }
        }
    }

    private static func read<Counter>(
        _ samples: Samples<Counter>, _ reader: inout ByteReader, count: Int64, isWhole: Bool
    ) throws(BatchingError) {
        if count == 0 { return }
        var moments = Moments()
        moments.count = count
        moments.sum = try reader.read()
        moments.squaresLow = try reader.read()
        moments.squaresHigh = try reader.read()
        moments.smallest = try reader.latency()
        moments.largest = try reader.latency()
        guard moments.smallest <= moments.largest else { throw .corrupt("the least is larger than the largest") }
        guard moments.areSums(ofSamplesBelow: SampleUnit.bound(isWhole: isWhole)) else {
            throw .corrupt("there are sums without samples")
        }
        if count <= Int64(SketchBins.exactCount) {
            var previous = moments.smallest
            for index in 0..<Int(count) {
                let value = try reader.latency()
                guard value >= previous, value < 0x1p63 else { throw .corrupt("samples are not in order") }
                samples.exact[index] = value
                let bin = SketchBins.index(UInt64(value))
                samples.bins[bin] &+= 1
                moments.rows |= 1 << UInt64(bin >> SketchBins.rowBits)
                previous = value
            }
            guard samples.exact[0] == moments.smallest, previous == moments.largest else {
                throw .corrupt("the extremes are not those of the samples")
            }
        } else {
            var left = UInt64(count)
            var next = 0
            while true {
                let bin = Int(try reader.read(UInt16.self))
                if bin == Int(UInt16.max) { break }
                let inBin = try reader.read(UInt64.self)
                guard bin >= next, bin < SketchBins.count, inBin >= 1, inBin <= left else {
                    throw .corrupt("a bin is out of its range")
                }
                // It fits: `count` does.
                samples.bins[bin] = Counter(truncatingIfNeeded: inBin)
                moments.rows |= 1 << UInt64(bin >> SketchBins.rowBits)
                left -= inBin
                next = bin + 1
            }
            guard left == 0 else { throw .corrupt("samples are missing") }
        }
        samples.moments.pointee = moments
    }
}

/// Sums over requests in flight: at most 2^24 numbers of 32 bits each.
private struct TokensInFlight {
    var tokens: Int64 = 0
    /// What they may still generate.
    var tokensToCome: Int64 = 0
    var prompts: Int64 = 0
    /// Those without a token, and their prompts.
    var newRequests: Int64 = 0
    var newPrompts: Int64 = 0

    mutating func add(_ request: LiveRequest) {
        tokens &+= Int64(request.tokens)
        tokensToCome &+= Int64(Int32.max &- request.tokens)
        prompts &+= Int64(request.promptTokens)
        if request.firstToken < 0 {
            newRequests &+= 1
            newPrompts &+= Int64(request.promptTokens)
        }
    }
}

extension AccumulatorLimits {
    func write(to writer: inout ByteWriter) {
        writer.write(each: [
            slotLength, Int64(slotCount), Int64(maxRequests), Int64(maxGaps), slo.ttft ?? 0, slo.tpot ?? 0,
            slo.itl ?? 0, slo.e2e ?? 0,
        ])
    }

    init(_ reader: inout ByteReader) throws(BatchingError) {
        let longest = Nanoseconds.maximum.count
        slotLength = try reader.integer(1...longest)
        slotCount = Int(try reader.integer(1...Int64(AccumulatorLimits.largestSlotCount)))
        maxRequests = Int(try reader.integer(1...Int64(AccumulatorLimits.largestMaxRequests)))
        maxGaps = Int(try reader.integer(1...Int64(AccumulatorLimits.largestMaxGaps)))
        func objective() throws(BatchingError) -> Int64? {
            let limit = try reader.integer(0...longest)
            return limit == 0 ? nil : limit
        }
        slo = ServiceLimits(ttft: try objective(), tpot: try objective(), itl: try objective(), e2e: try objective())
    }
}

extension ServerMetrics {
    func write(to writer: inout ByteWriter) {
        writer.write(each: [
            promptTokens, generationTokens, finishedBy.stop, finishedBy.length, finishedBy.abort, finishedBy.error,
        ])
        for histogram in ServerHistogram.allCases {
            writer.write(sums.elements[histogram.rawValue])
            for index in 0...histogram.bounds.count {
                writer.write(counts.elements[histogram.rawValue * ServerMetrics.stride + index])
            }
        }
    }

    /// - Parameter requests: as many have arrived.
    mutating func read(_ reader: inout ByteReader, requests: Int64) throws(BatchingError) {
        let most = Accumulator.mostSamplesAfterAll
        promptTokens = try reader.integer(0...most)
        generationTokens = try reader.integer(0...most)
        finishedBy.stop = try reader.integer(0...requests)
        finishedBy.length = try reader.integer(0...(requests &- finishedBy.stop))
        finishedBy.abort = try reader.integer(0...(requests &- completed))
        finishedBy.error = try reader.integer(0...(requests &- completed &- finishedBy.abort))
        for histogram in ServerHistogram.allCases {
            let sum: UInt128 = try reader.read()
            sums.elements[histogram.rawValue] = sum
            var left =
                switch histogram {
                case .interTokenLatency: most
                case .timeToFirstToken: requests
                default: completed
                }
            // Each that finished is in these; in others only if it has what is counted.
            let isOfEach = histogram == .e2eLatency || !histogram.isTime
            for index in 0...histogram.bounds.count {
                let count = try reader.integer(0...left)
                left &-= count
                counts.elements[histogram.rawValue * ServerMetrics.stride + index] = count
            }
            guard !isOfEach || left == 0 else { throw .corrupt("requests are missing") }
            let (bound, overflows) = UInt128(UInt64(count(histogram))).multipliedReportingOverflow(by: histogram.bound)
            guard !overflows, sum <= bound, histogram.isTime || sum <= UInt128(UInt64(most)) else {
                throw .corrupt("a sum is out of its range")
            }
        }
    }
}

extension ByteReader {
    /// A latency in nanoseconds.
    mutating func latency() throws(BatchingError) -> Double {
        let value = Double(bitPattern: try read(UInt64.self))
        guard value >= 0, value <= 0x1p63, value.sign == .plus else { throw .corrupt("a latency is out of its range") }
        return value
    }
}
