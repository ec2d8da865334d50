/// Where some steps of the search ended.
struct CalibrationOptimum: BitwiseCopyable {
    var loss = Double.infinity
    var terms = Terms.zero
    var startup = 0.0
    var figures = CalibrationFigures()

    var time: AffineTime {
        var time = terms.affine
        time.startup = startup
        return time
    }
}

/// The least and the most of each coefficient, and of what follows, over fits that are about as good as the best. The fields
/// are those of `batching_calibration` in the C header.
public struct CalibrationRange: Equatable, Sendable {
    /// How many there are.
    public var fits: Int64
    /// The least of each coefficient.
    public var leastTime: AffineTime
    /// The most of each coefficient.
    public var mostTime: AffineTime
    /// The least of a client's delay.
    public var leastClientDelay: Double
    /// The most of a client's delay.
    public var mostClientDelay: Double
    /// The least mean of the TTFTs that count; not-a-number if there are none.
    public var leastMeanTTFT: Double
    /// The most.
    public var mostMeanTTFT: Double
    /// The least mean of the E2Es of requests whose decoding counts; not-a-number if there are none.
    public var leastMeanE2E: Double
    /// The most.
    public var mostMeanE2E: Double

    /// Of one.
    init(_ optimum: CalibrationOptimum = CalibrationOptimum()) {
        fits = 1
        (leastTime, mostTime) = (optimum.time, optimum.time)
        (leastClientDelay, mostClientDelay) = (optimum.figures.delay, optimum.figures.delay)
        (leastMeanTTFT, mostMeanTTFT) = (optimum.figures.meanTTFT, optimum.figures.meanTTFT)
        (leastMeanE2E, mostMeanE2E) = (optimum.figures.meanE2E, optimum.figures.meanE2E)
    }

    /// With one more.
    mutating func add(_ optimum: CalibrationOptimum) {
        let (time, figures) = (optimum.time, optimum.figures)
        fits &+= 1
        leastTime = leastTime.combined(time) { min($0, $1) }
        mostTime = mostTime.combined(time) { max($0, $1) }
        leastClientDelay = min(leastClientDelay, figures.delay)
        mostClientDelay = max(mostClientDelay, figures.delay)
        leastMeanTTFT = min(leastMeanTTFT, figures.meanTTFT)
        mostMeanTTFT = max(mostMeanTTFT, figures.meanTTFT)
        leastMeanE2E = min(leastMeanE2E, figures.meanE2E)
        mostMeanE2E = max(mostMeanE2E, figures.meanE2E)
    }
}

extension AffineTime {
    fileprivate func combined(_ other: AffineTime, _ body: (Double, Double) -> Double) -> AffineTime {
        var result = AffineTime(
            base: body(base, other.base), perPrefillToken: body(perPrefillToken, other.perPrefillToken),
            perDecodeToken: body(perDecodeToken, other.perDecodeToken),
            perContextToken: body(perContextToken, other.perContextToken),
            perPrefillContext: body(perPrefillContext, other.perPrefillContext),
            perPrefillIteration: body(perPrefillIteration, other.perPrefillIteration),
            perPrefillChunk: body(perPrefillChunk, other.perPrefillChunk))
        result.startup = body(startup, other.startup)
        return result
    }
}

extension CalibrationFit {
    /// Keeps where steps ended, if that may be about as good as the best that there will be.
    mutating func note(_ optimum: CalibrationOptimum) throws(BatchingError) {
        guard optimum.loss <= loss + CalibrationFit.significant else { return }
        try optima.reserve(optimumCount &+ 1)
        optima.elements[optimumCount] = optimum
        optimumCount &+= 1
    }

    /// Of those that are about as good as the best, once it is known and was run.
    func range() throws(BatchingError) -> CalibrationRange {
        var range = CalibrationRange(
            CalibrationOptimum(loss: loss, terms: terms, startup: startup, figures: log.pointee.figures))
        for index in 0..<optimumCount {
            try Work.row(index)
            let optimum = optima.elements[index]
            if optimum.loss <= loss + CalibrationFit.significant, !isBest(optimum) { range.add(optimum) }
        }
        return range
    }

    private func isBest(_ optimum: CalibrationOptimum) -> Bool {
        for index in 0..<7 where optimum.terms[index] != terms[index] { return false }
        return optimum.startup == startup
    }
}
