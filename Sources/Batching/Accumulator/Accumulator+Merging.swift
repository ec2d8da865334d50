/// Adding one accumulator to another.
extension Accumulator {
    /// Adds what `other` was told. Changes nothing if it throws.
    public mutating func merge(_ other: borrowing Accumulator) throws(BatchingError) {
        try checkMerging(other)
        try mergeRequests(other.live)
        clock = max(clock, other.clock)
        settle()
        older.add(other.older)
        // What has left the window of both goes to what is older.
        for number in other.oldestSlot...other.newestSlot {
            if number >= oldestSlot {
                slot(number).add(other.slot(number))
            } else {
                older.add(other.slot(number))
            }
        }
        served.add(other.served)
        arrivedCount &+= other.arrivedCount
        waitingCount &+= other.waitingCount
        firstArrival = min(firstArrival, other.firstArrival)
    }

    /// Those in flight. Many are put together with those that are here in a new table, so that it may be stopped.
    private mutating func mergeRequests(_ other: borrowing LiveRequests) throws(BatchingError) {
        if other.placeCount <= Work.piece, other.gapCount <= Accumulator.fewGaps {
            return try live.insert(allOf: other, asks: false)
        }
        var merged = try LiveRequests(maxRequests: live.maxRequests, maxGaps: live.maxGaps)
        try merged.insert(allOf: live, asks: true)
        try merged.insert(allOf: other, asks: true)
        live = merged
    }

    /// So many are copied within milliseconds.
    private static let fewGaps = 1 << 20

    private func checkMerging(_ other: borrowing Accumulator) throws(BatchingError) {
        guard limits.agrees(with: other.limits) else {
            throw BatchingError(
                .invalidArgument, "other has another window, slot_count or SLO: both must have the same to be merged")
        }
        for place in 0..<other.live.placeCount {
            try Work.row(place)
            if let request = other.live.used(place), live.find(request.pointee.id) != nil {
                throw .invalid("request", request.pointee.id, "must not be in flight in both accumulators")
            }
        }
        let (requests, gaps) = (live.count + other.live.count, live.gapCount + other.live.gapCount)
        guard requests <= limits.maxRequests else {
            throw BatchingError(
                .capacity, "\(requests) requests would be in flight: max_requests is \(limits.maxRequests)")
        }
        guard gaps <= limits.maxGaps else {
            throw BatchingError(.capacity, "\(gaps) gaps would be in flight: max_gaps is \(limits.maxGaps)")
        }
        guard Accumulator.holds(arrivedCount, other.arrivedCount, within: Accumulator.mostRequests),
            Accumulator.holds(served.promptTokens, other.served.promptTokens, within: Accumulator.mostSamples),
            Accumulator.holds(served.generationTokens, other.served.generationTokens, within: Accumulator.mostSamples),
            Accumulator.holds(
                served.finishedPromptTokens, other.served.finishedPromptTokens, within: Accumulator.mostSamples),
            Accumulator.holds(
                served.count(.interTokenLatency), other.served.count(.interTokenLatency),
                within: Accumulator.mostSamples)
        else { throw BatchingError(.overflow, "there would be more than 2^40 requests, or 2^62 tokens or samples") }
        // Slots that both have, and keep or not: the counters of one that is kept have 32 bits.
        for number in max(oldestSlot, other.oldestSlot)...max(newestSlot, other.newestSlot)
        where number <= min(newestSlot, other.newestSlot) {
            for metric in ServingSample.accumulated {
                guard
                    Accumulator.holds(
                        slot(number)[metric].moments.pointee.count, other.slot(number)[metric].moments.pointee.count,
                        within: Accumulator.mostSamplesOfSlot)
                else { throw BatchingError(.overflow, "a slot would have more than 4294967295 samples") }
            }
        }
    }

    /// Whether the sum of two counts is at most `most`.
    private static func holds(_ count: Int64, _ other: Int64, within most: Int64) -> Bool {
        let (sum, overflows) = count.addingReportingOverflow(other)
        return !overflows && sum <= most
    }
}
