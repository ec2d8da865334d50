/// What an accumulator tells.

/// What a query is about.
public enum AccumulatorScope: Int32, CaseIterable, Sendable {
    /// All since the start.
    case start = 0
    /// What the window covers.
    case window = 100
}

/// What an accumulator holds now.
public struct AccumulatorState: Equatable, Sendable {
    /// Seconds: the earliest arrival; 0 if there was none.
    public var firstArrival = 0.0
    /// Seconds: the latest time that it was told.
    public var clock = 0.0
    /// Seconds: where the window begins.
    public var windowBegin = 0.0
    /// Requests that have arrived since the start.
    public var arrived: Int64 = 0
    /// Requests in flight that have started or have tokens.
    public var running: Int64 = 0
    /// Requests in flight that have neither started nor tokens.
    public var waiting: Int64 = 0
    /// Gaps between tokens of requests in flight.
    public var gaps: Int64 = 0
}

extension Accumulator {
    /// What it holds now.
    public mutating func state() -> AccumulatorState {
        settle()
        var state = AccumulatorState()
        state.firstArrival = arrivedCount == 0 ? 0 : Nanoseconds(firstArrival).seconds
        state.clock = Nanoseconds(clock).seconds
        state.windowBegin = Nanoseconds(windowBegin).seconds
        state.arrived = arrivedCount
        state.waiting = waitingCount
        state.running = Int64(live.count) &- waitingCount
        state.gaps = Int64(live.gapCount)
        return state
    }

    /// The metrics of the requests that ended. Writes none of what is wanted if it throws.
    /// - Parameter options: their convention must be vLLM's, and their levels none: those of the accumulator count.
    public mutating func metrics(
        _ scope: AccumulatorScope, _ options: ServingMetricsConfig, _ wanted: ServingMetrics.Wanted
    ) throws(BatchingError) -> ServingMetrics {
        try options.percentiles.validate()
        guard options.convention == .vllm else {
            throw .invalid("convention", options.convention.rawValue, "must be BATCHING_CONVENTION_VLLM")
        }
        guard try ServiceLimits(options.levels).areNone else {
            throw BatchingError(.invalidArgument, "an SLO is given: must be 0, since the accumulator has its own")
        }
        if let dueBy = options.dueBy {
            throw .invalid("slo_due_by", dueBy, "must be 0, since an accumulator measures requests that ended")
        }
        if let given = options.duration { _ = try Nanoseconds(seconds: given, argument: "duration") }
        settle()
        var counts = ServingCounts()
        forEachSlot(scope) {
            counts.add($0.counts.pointee)
        } older: {
            counts.add($0.counts.pointee)
        }
        let begin = scope == .window ? max(firstArrival, windowBegin) : firstArrival
        let metrics = ServingMetrics(
            counts, duration: options.duration ?? (clock > begin ? Nanoseconds(clock &- begin).seconds : 0),
            latency: SampleUnit.double(moments(.e2e, scope).sum) / 1e9, limits.slo)
        for sample in ServingSample.allCases {
            guard let wanted = wanted[sample] else { continue }
            wanted.write(
                sample.isAccumulated
                    ? distribution(sample, scope, options.percentiles, wanted)
                    : empty(options.percentiles, wanted))
        }
        return metrics
    }

    private var windowBegin: Int64 { max(0, oldestSlot) &* limits.slotLength }

    private func forEachSlot(
        _ scope: AccumulatorScope, _ body: (Slot<UInt32>) -> Void, older beforeWindow: (Slot<UInt64>) -> Void
    ) {
        if scope == .start { beforeWindow(older) }
        for number in oldestSlot...newestSlot { body(slot(number)) }
    }

    private func moments(_ sample: ServingSample, _ scope: AccumulatorScope) -> Moments {
        var moments = Moments()
        forEachSlot(scope) {
            moments.add($0[sample].moments.pointee)
        } older: {
            moments.add($0[sample].moments.pointee)
        }
        return moments
    }

    private func distribution(
        _ sample: ServingSample, _ scope: AccumulatorScope, _ columns: PercentileColumns, _ wanted: WantedDistribution
    ) -> Distribution {
        let moments = moments(sample, scope)
        guard moments.count > 0 else { return empty(columns, wanted) }
        if moments.count <= Int64(SketchBins.exactCount) {
            collectExact(sample, scope)
        } else {
            collectBins(sample, scope, moments.rows)
        }
        if let results = wanted.percentiles, let percentiles = columns.percentiles {
            for index in 0..<columns.count {
                results[index] = value(percentiles[index] / 100, columns.method, moments, sample) / 1e9
            }
        }
        let unit = sample.isWhole ? 1e9 : 1e9 * SampleUnit.fraction
        var distribution = Distribution()
        distribution.count = moments.count
        distribution.minimum = moments.smallest / 1e9
        distribution.maximum = moments.largest / 1e9
        // Rounding may carry the mean of equal values beyond them.
        distribution.mean = min(max(moments.mean / unit, distribution.minimum), distribution.maximum)
        distribution.median = value(0.5, .linear, moments, sample) / 1e9
        distribution.standardDeviation = moments.standardDeviation / unit
        distribution.sum = SampleUnit.double(moments.sum) / unit
        return distribution
    }

    /// The distribution of a sample without values.
    private func empty(_ columns: PercentileColumns, _ wanted: WantedDistribution) -> Distribution {
        wanted.percentiles?.update(repeating: 0, count: columns.count)
        return Distribution()
    }

    private func collectExact(_ sample: ServingSample, _ scope: AccumulatorScope) {
        var count = 0
        func take(_ moments: Moments, _ exact: UnsafePointer<Double>) {
            (combinedExact.elements + count).update(from: exact, count: Int(moments.count))
            count += Int(moments.count)
        }
        forEachSlot(scope) {
            take($0[sample].moments.pointee, $0[sample].exact)
        } older: {
            take($0[sample].moments.pointee, $0[sample].exact)
        }
        Heap.sort(combinedExact.elements, count: count, by: <)
    }

    private func collectBins(_ sample: ServingSample, _ scope: AccumulatorScope, _ rows: UInt64) {
        for row in 0..<SketchBins.rows where rows >> UInt64(row) & 1 == 1 {
            (combinedBins.elements + row << SketchBins.rowBits).update(repeating: 0, count: SketchBins.rowSize)
        }
        forEachSlot(scope) {
            $0[sample].addBins(to: combinedBins.elements)
        } older: {
            $0[sample].addBins(to: combinedBins.elements)
        }
    }

    /// A percentile of what was collected, in nanoseconds.
    private func value(
        _ share: Double, _ method: PercentileMethod, _ moments: Moments, _ sample: ServingSample
    ) -> Double {
        let position = RankPosition(share, Int(moments.count), method)
        let below: Double
        let above: Double
        if moments.count <= Int64(SketchBins.exactCount) {
            (below, above) = (combinedExact.elements[position.lower], combinedExact.elements[position.upper])
        } else {
            (below, above) = binned(position, moments, sample)
        }
        return position.between(below, above)
    }

    /// What stands for the values with the two ranks.
    private func binned(
        _ position: RankPosition, _ moments: Moments, _ sample: ServingSample
    ) -> (below: Double, above: Double) {
        var below: Double?
        var before: Int64 = 0
        for row in 0..<SketchBins.rows where moments.rows >> UInt64(row) & 1 == 1 {
            for bin in (row << SketchBins.rowBits)..<((row + 1) << SketchBins.rowBits) {
                before &+= Int64(truncatingIfNeeded: combinedBins.elements[bin])
                if below == nil, before > Int64(position.lower) { below = middle(bin, moments, sample) }
                if before > Int64(position.upper) {
                    let above = middle(bin, moments, sample)
                    return (below ?? above, above)
                }
            }
        }
        return (moments.largest, moments.largest)
    }

    private func middle(_ bin: Int, _ moments: Moments, _ sample: ServingSample) -> Double {
        min(max(SketchBins.middle(bin, isWhole: sample.isWhole), moments.smallest), moments.largest)
    }
}
