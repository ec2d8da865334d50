// What a client sees of each TTFT beside the engine: network, HTTP and tokenizer, there and back. It changes nothing in the
// engine, since a run in which all arrive later by the same is the same run, later: the delay follows from the run.

/// What a run says beside its residuals.
struct CalibrationFigures: BitwiseCopyable {
    /// Seconds, in the means, too.
    var delay = 0.0
    /// Of the TTFTs that count; not-a-number if there are none.
    var meanTTFT = Double.nan
    /// Of the requests whose decoding counts; not-a-number if there are none.
    var meanE2E = Double.nan
}

/// Of what is finite.
struct Mean {
    private var sum = 0.0
    private var count = 0

    mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        sum += value
        count &+= 1
    }

    var value: Double { count > 0 ? sum / Double(count) : .nan }
}

/// How sure a delay is, as far as the log alone says.
struct CalibrationDelayCertainty {
    var told = 0.0
    var correlationWithBase = 0.0
    var correlationWithPrefillIteration = 0.0

    var correlation: Double { max(correlationWithBase.magnitude, correlationWithPrefillIteration.magnitude) }
}

extension CalibrationLog {
    /// The delay, not below 0, that makes the loss least; of residuals without one. The slope of the loss never falls as
    /// the delay grows, and is straight between bends: Newton's steps, halved where they leave what is possible.
    /// - Complexity: some rounds over the TTFTs, at most 60.
    func bestDelay() throws(BatchingError) -> Double {
        var (low, high) = (0.0, 0.0)
        for index in decodeCount..<residualCount { high = max(high, -residuals.elements[index] * unit(index)) }
        var delay = 0.0
        for _ in 0..<60 {
            let (slope, bend) = try slope(at: delay)
            if slope < 0 { low = delay } else { high = delay }
            var next = bend > 0 ? delay - slope / bend : -1
            // At 0, nothing less is possible.
            if high <= low { return low }
            if !(next >= low && next <= high) { next = low + (high - low) / 2 }
            if (next - delay).magnitude <= 1e-9 { return next }
            delay = next
        }
        return delay
    }

    /// By how much the loss grows with the delay, and how fast that does.
    private func slope(at delay: Double) throws(BatchingError) -> (slope: Double, bend: Double) {
        var (slope, bend) = (0.0, 0.0)
        for index in decodeCount..<residualCount {
            try Work.row(index)
            let share = 1 / unit(index)
            let residual = residuals.elements[index] + delay * share
            slope += min(max(residual, -CalibrationLog.bend), CalibrationLog.bend) * share
            if residual.magnitude <= CalibrationLog.bend { bend += share * share }
        }
        return (slope, bend)
    }

    /// Of the requests whose TTFT counts: the share that did not wait in the queue of a run of which the schedule was kept.
    func shareWithoutQueueing(_ simulator: borrowing CalibrationSimulator) throws(BatchingError) -> Double {
        var waited = 0
        for index in decodeCount..<residualCount {
            try Work.row(index)
            if !simulator.admitsAtOnce(row(index)) { waited &+= 1 }
        }
        return firstCount > 0 ? 1 - Double(waited) / Double(firstCount) : 0
    }
}

extension CalibrationFit {
    /// Where at least so many do not wait in the queue, TTFTs say what a client adds: the usual one does not wait.
    private static let lightlyLoaded = 0.5
    /// Where a correlation is as large, the log says only of the two together.
    private static let together = 0.9

    /// As if what is expected of coefficients had been less sure by this factor: the log is to tell a delay by itself.
    private static let width = 100.0

    /// A delay that is less than twice its standard deviation may as well be none.
    private static let leastToldDelay = 0.5

    /// Looks whether clients saw more of each TTFT than the engine takes.
    mutating func findDelay(_ budget: inout CalibrationBudget) throws(BatchingError) {
        try runBest()
        shareWithoutQueueing = try log.pointee.shareWithoutQueueing(simulator)
        guard shareWithoutQueueing >= CalibrationFit.lightlyLoaded, !budget.isSpent else { return }
        let before = (terms: terms, startup: startup, loss: loss, weight: priorWeight, leastLoss: budget.loss)
        fitsDelay = true
        try iterate(rounds: 14, &budget)
        // As if the prior weighed as much as before.
        let gained = before.loss - loss - (before.weight - priorWeight) * prior.loss(terms)
        try runBest()
        let found = try certaintyOfDelay()
        let isToldApart = found.correlation < CalibrationFit.together
        if gained > CalibrationFit.significant, isToldApart, found.told >= CalibrationFit.leastToldDelay {
            delay = found
            return
        }
        if gained > CalibrationFit.significant || !isToldApart {
            // Why it is refused.
            delay = found
            delay.told = 0
        }
        fitsDelay = false
        (terms, startup, loss, priorWeight) = (before.terms, before.startup, before.loss, before.weight)
        budget.loss = before.leastLoss
    }

    /// What the log says of the delay of the last run by itself.
    private func certaintyOfDelay() throws(BatchingError) -> CalibrationDelayCertainty {
        let certainty = try certainty(width: CalibrationFit.width)
        let (delay, off) = (log.pointee.figures.delay, certainty.deviation(7) * prior.median[0])
        return CalibrationDelayCertainty(
            told: delay > off ? 1 - off / delay : 0, correlationWithBase: certainty.correlation(0, 7),
            correlationWithPrefillIteration: certainty.correlation(5, 7))
    }

    /// At the end, once the best was run: looks at the delay again, and leaves it out if it may as well be none.
    /// - Returns: the loss of the data.
    mutating func settleDelay(_ loss: Double) throws(BatchingError) -> Double {
        guard fitsDelay else { return loss }
        delay = try certaintyOfDelay()
        if delay.told >= CalibrationFit.leastToldDelay { return loss }
        fitsDelay = false
        delay = CalibrationDelayCertainty()
        return try finish()
    }
}
