/// Adding one accumulator to another.
extension Accumulator {
    /// Adds what `other` was told. Changes nothing if it throws.
    public mutating func merge(_ other: borrowing Accumulator) throws(BatchingError) {
        try checkMerging(other)
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
        for place in 0..<other.live.placeCount {
            guard let request = other.live.used(place) else { continue }
            var copy = request.pointee
            copy.gapCount = 0
            let added = live.insert(copy)
            live.append(gapsOf: request, in: other.live, to: added)
        }
    }

    private func checkMerging(_ other: borrowing Accumulator) throws(BatchingError) {
        guard limits.agrees(with: other.limits) else {
            throw BatchingError(
                .invalidArgument, "other has another window, slot_count or SLO: both must have the same to be merged")
        }
        for place in 0..<other.live.placeCount {
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
            for metric in ServingSample.allCases {
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
