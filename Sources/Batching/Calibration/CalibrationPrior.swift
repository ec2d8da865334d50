/// What a coefficient is expected to be, and how far it may be off: the median and the standard deviation of its logarithm.
struct CalibrationPrior {
    var median: Terms
    var sigma: Terms

    /// An 8B model in 16 bits on an H100, and nothing is sure.
    static var unknown: CalibrationPrior {
        CalibrationPrior(
            median: [7e-3, 2e-5, 1e-5, 5e-8, 1e-9, 1e-3, 1e-5], sigma: Terms(repeating: 1))
    }

    /// The straight lines that a roofline is near: what an iteration of one token takes, what many more prefill tokens add,
    /// and what each sequence, token of context and pair of tokens does.
    init(_ roofline: RooflineTime) throws(BatchingError) {
        let memory = try TimeMemory(.roofline(roofline))
        let model = IterationTimeModel(.roofline(roofline), memory)
        func seconds(prefill: Int64 = 0, context: Int64 = 0, pairs: Double = 0) -> Double {
            var work = IterationWork()
            (work.number, work.prefillTokens, work.prefillChunks) = (1, prefill, min(prefill, 1))
            (work.decodeTokens, work.contextTokens) = (min(context, 1), context)
            // Half of the pairs of a chunk with itself are masked.
            work.prefillContext = pairs + Double(prefill) * Double(prefill) / 2
            return model.knownDuration(of: work)?.seconds ?? 0
        }
        let (tokens, context, pairs) = (Int64(8192), Int64(1 << 24), 1e9)
        let base = seconds(context: 1)
        let prefill = (seconds(prefill: 2 * tokens) - seconds(prefill: tokens)) / Double(tokens)
        // The token of a sequence that decodes is in the base, as long as memory is the limit.
        let head = roofline.headPeak * roofline.headShare
        let sequence = roofline.perSequence + (roofline.headFLOPs > 0 ? roofline.headFLOPs / head : 0)
        let attended = (seconds(context: 2 * context) - seconds(context: context)) / Double(context)
        let attention = (seconds(prefill: tokens, pairs: 2 * pairs) - seconds(prefill: tokens, pairs: pairs)) / pairs
        let prefillIteration = max(roofline.perPrefillIteration, 1e-3)
        median = [base, prefill, sequence, attended, attention, prefillIteration, sequence]
        sigma = [0.15, 0.25, 1, 0.25, 1, 1, 1]
        let unknown = CalibrationPrior.unknown.median
        // A part that the roofline does not have is expected to be small.
        for index in 0..<7 where !(median[index] > 0) { median[index] = unknown[index] * 1e-3 }
    }

    private init(median: Terms, sigma: Terms) {
        self.median = median
        self.sigma = sigma
    }

    /// Half of the squares of how many sigmas the logarithms are off. What is smaller than a ten thousandth of what is
    /// expected counts as that.
    func loss(_ terms: Terms) -> Double {
        var sum = 0.0
        for index in 0..<7 {
            let least = CalibrationPrior.least * median[index]
            let off = Logarithm.natural(max(terms[index], least) / median[index]) / sigma[index]
            sum += 0.5 * off * off
        }
        return sum
    }

    static let least = 1e-4
}
