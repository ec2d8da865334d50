/// Simulations that are left, and the callback that is told of each.
struct CalibrationBudget {
    let most: Int64
    let callback: CalibrationCallback?
    private(set) var simulations: Int64 = 0
    private(set) var wasEnough = false
    /// Whether there was enough for all but what only improves.
    var isDone = false
    var loss = Double.infinity

    init(_ configuration: CalibrationConfig) {
        most = configuration.simulations
        callback = configuration.callback
    }

    var isSpent: Bool { wasEnough || simulations >= most }

    mutating func count() throws(BatchingError) {
        simulations += 1
        guard let callback else { return }
        wasEnough = try callback(CalibrationProgress(simulations: simulations, most: most, loss: loss))
    }
}

/// The fit of one way to schedule: the best coefficients so far. See "Calibration" in the C header.
struct CalibrationFit: ~Copyable {
    var simulator: CalibrationSimulator
    let log: UnsafeMutablePointer<CalibrationLog>
    private(set) var prior: CalibrationPrior
    var priorWeight = 1.0
    /// Whether the weight of the prior follows the residuals.
    var adaptsWeight = true

    var terms: Terms
    var startup = 0.0
    /// Of data and prior.
    var loss = Double.infinity

    /// Whether TTFTs are longer by a client's delay.
    var fitsDelay = false
    var shareWithoutQueueing = 0.0
    /// Of the one that was taken, or was refused.
    var delay = CalibrationDelayCertainty()

    // Where steps ended.
    var optima: GrowableBuffer<CalibrationOptimum>
    var optimumCount = 0

    // The rows of a least-squares problem.
    private let rows: ScratchBuffer<Unknowns>
    private let values: ScratchBuffer<Double>
    private let errors: ScratchBuffer<Double>
    private let sorted: ScratchBuffer<Double>

    /// Requests share iterations: so many residuals say as much as one of their own.
    private static let shared = 10.0
    private static let leastPriorWeight = 1e-6

    init(
        _ simulator: consuming CalibrationSimulator, _ log: UnsafeMutablePointer<CalibrationLog>,
        _ prior: CalibrationPrior
    ) throws(BatchingError) {
        let count = log.pointee.residualCount
        let optima = try GrowableBuffer<CalibrationOptimum>(capacity: 0)
        let rows = try ScratchBuffer<Unknowns>(uninitialized: count)
        let values = try ScratchBuffer<Double>(uninitialized: count)
        let errors = try ScratchBuffer<Double>(uninitialized: count)
        let sorted = try ScratchBuffer<Double>(uninitialized: count)
        self.simulator = simulator
        self.log = log
        self.prior = prior
        self.optima = optima
        self.rows = rows
        self.values = values
        self.errors = errors
        self.sorted = sorted
        terms = prior.median
    }

    /// Where it begins, if not at what is expected.
    mutating func start(at terms: Terms, startup: Double) {
        (self.terms, self.startup) = (terms, startup)
    }

    var time: AffineTime {
        var time = terms.affine
        time.startup = startup
        return time
    }

    private var residualCount: Int { log.pointee.residualCount }

    /// The loss of the data of a run with these coefficients; infinity if there are no simulations left.
    private mutating func simulate(
        _ terms: Terms, _ startup: Double, keepsSchedule: Bool, _ budget: inout CalibrationBudget
    ) throws(BatchingError) -> Double {
        if budget.isSpent { return .infinity }
        var time = terms.affine
        time.startup = startup
        try run(time, keepsSchedule: keepsSchedule)
        try budget.count()
        return log.pointee.loss()
    }

    mutating func evaluate(
        _ terms: Terms, _ startup: Double, _ budget: inout CalibrationBudget
    ) throws(BatchingError) -> Double {
        try simulate(terms, startup, keepsSchedule: false, &budget) + priorWeight * prior.loss(terms)
    }

    /// Sets the residuals.
    private mutating func run(_ time: AffineTime, keepsSchedule: Bool) throws(BatchingError) {
        try simulator.run(time, keepsSchedule: keepsSchedule)
        // A copy: with ThreadSanitizer the compiler crashes on a call through the stored pointer.
        let log = log
        try log.pointee.compare(
            firstToken: simulator.firstToken.elements, end: simulator.end.elements, fitsDelay: fitsDelay)
    }

    /// Sets the residuals of the best.
    mutating func runBest() throws(BatchingError) { try run(time, keepsSchedule: true) }

    /// Once the best is known: its residuals, and its loss without the prior.
    mutating func finish() throws(BatchingError) -> Double {
        try runBest()
        return log.pointee.loss()
    }
}

// The fixed point: the schedule gives sums, these give coefficients, and those the next schedule.
extension CalibrationFit {
    /// Sets the rows: what each span of the last run computed, in units of what is expected, over its own unit.
    private func setRows(startup: Double) throws(BatchingError) {
        for index in 0..<residualCount {
            // Two searches: more than a row of another loop.
            try Work.row(index)
            try Work.row(index)
            let span = log.pointee.span(
                index, firstToken: simulator.firstToken.elements, end: simulator.end.elements)
            let done = simulator.done(from: span.start, to: span.end, startup: startup)
            // A delay in units of the base.
            rows.elements[index] = Unknowns(
                done.work.combined(prior.median) { $0 * $1 / span.unit },
                delay: fitsDelay && index >= log.pointee.decodeCount ? prior.median[0] / span.unit : 0)
            values.elements[index] = (span.measured - done.known) / span.unit
        }
    }

    /// The coefficients that fit these rows best, and are near what is expected; with the delay that fits to them, which
    /// is left out, since it follows from the next run.
    /// - Parameter terms: those of the run: from how far they are off, the first weights follow.
    private func solution(from terms: Terms) throws(BatchingError) -> Terms {
        // In units of what is expected. Near 1, (u - 1)² is about the square of the logarithm.
        var unknowns = Unknowns(
            terms.combined(prior.median, /), delay: log.pointee.figures.delay / prior.median[0])
        let scale = priorWeight * CalibrationLog.bend * CalibrationLog.bend
        // Huber's loss by weights that follow the residuals; where it bends follows their spread.
        for _ in 0..<8 {
            for index in 0..<residualCount {
                try Work.row(index)
                errors.elements[index] = (rows.elements[index].dot(unknowns) - values.elements[index]).magnitude
                sorted.elements[index] = errors.elements[index]
            }
            let spread = 1.4826 * Selection.median(sorted.elements, residualCount)
            let bend = min(CalibrationLog.bend, max(1e-6, 1.5 * spread))
            var equations = NormalEquations(count: fitsDelay ? 8 : 7)
            for index in 0..<residualCount {
                try Work.row(index)
                let error = errors.elements[index]
                equations.add(
                    rows.elements[index], values.elements[index], weight: error <= bend ? 1 : bend / error)
            }
            for index in 0..<7 {
                equations.add(index, 1, weight: scale / (prior.sigma[index] * prior.sigma[index]))
            }
            unknowns = equations.nonNegativeSolution()
        }
        return unknowns.terms.combined(prior.median, *)
    }

    /// Some rounds from the best so far. What is found is kept if it is better than `bound`.
    mutating func iterate(
        rounds: Int, below bound: Double = .infinity, _ budget: inout CalibrationBudget
    ) throws(BatchingError) {
        var visited = InlineArray<16, CalibrationOptimum>(repeating: CalibrationOptimum())
        var next = terms
        for round in 0...rounds {
            let data = try simulate(next, startup, keepsSchedule: true, &budget)
            if data == .infinity { break }
            visited[round] = CalibrationOptimum(
                loss: data, terms: next, startup: startup, figures: log.pointee.figures)
            if adaptsWeight {
                let share = log.pointee.spread() / CalibrationLog.bend
                priorWeight = min(
                    priorWeight, max(CalibrationFit.leastPriorWeight, CalibrationFit.shared * share * share))
            }
            if round == rounds { break }
            try setRows(startup: startup)
            let found = try solution(from: next)
            let change = found.combined(next) { ($0 - $1).magnitude }.combined(prior.median, /).largest
            next = next.combined(found) { 0.5 * $0 + 0.5 * $1 }
            if change < 1e-4 { break }
        }
        var best = CalibrationOptimum(terms: terms)
        for round in 0...rounds where visited[round].loss < .infinity {
            visited[round].loss += priorWeight * prior.loss(visited[round].terms)
            if visited[round].loss < best.loss { best = visited[round] }
        }
        if best.loss < bound { keep(best.terms, startup, best.loss, &budget) }
        // As long as the weight follows, losses are not of the same measure.
        if !adaptsWeight { try note(best) }
    }

    mutating func keep(
        _ terms: Terms, _ startup: Double, _ loss: Double, _ budget: inout CalibrationBudget
    ) {
        self.terms = terms
        self.startup = startup
        self.loss = loss
        budget.loss = min(budget.loss, loss)
    }

    /// Without a roofline only proportions are expected: how slow all is, is fitted first.
    mutating func scalePrior(_ budget: inout CalibrationBudget) throws(BatchingError) {
        let median = prior.median
        for _ in 0..<6 {
            let data = try simulate(prior.median, 0, keepsSchedule: true, &budget)
            if data == .infinity { break }
            try setRows(startup: 0)
            var (top, bottom) = (0.0, 0.0)
            // TTFTs say as much only where no span of decoding counts.
            let count = log.pointee.decodeCount > 0 ? log.pointee.decodeCount : residualCount
            for index in 0..<count {
                let sum = rows.elements[index].sum
                top += sum * values.elements[index]
                bottom += sum * sum
            }
            guard top > 0, bottom > 0 else { break }
            let factor = (top / bottom).squareRoot()
            prior.median = prior.median.map { $0 * factor }
        }
        if !(prior.median.sum > 0 && prior.median.sum < 1e9) { prior.median = median }
        terms = prior.median
    }

    /// Looks whether the first iteration took longer.
    mutating func findStartup(_ budget: inout CalibrationBudget) throws(BatchingError) {
        var seconds = terms[0]
        var (least, best) = (loss, 0.0)
        for _ in 0..<16 where seconds <= 10 {
            let value = try evaluate(terms, seconds, &budget)
            if value < least { (least, best) = (value, seconds) }
            seconds *= 2.0.squareRoot()
        }
        if least < loss - CalibrationFit.significant { keep(terms, best, least, &budget) }
    }

    /// By so much a loss must be less for a start-up, or the other way to schedule, to be believed.
    static let significant = 6.0

    /// Steps to random sides, and some rounds from each.
    mutating func kick(
        _ count: Int, size usual: Double = 1, _ random: inout RandomStream, _ budget: inout CalibrationBudget
    ) throws(BatchingError) {
        adaptsWeight = false
        for number in 0..<count where !budget.isSpent {
            let (best, before, bound) = (terms, startup, loss)
            var size = 0.03 * usual
            for _ in 0..<number % 4 { size *= 0.5 }
            terms = terms.map { $0 * Exponential.natural(size * random.signedUnit()) }
            if startup > 0 { startup *= Exponential.natural(size * random.signedUnit()) }
            try iterate(rounds: 3, below: bound, &budget)
            if loss >= bound { (terms, startup) = (best, before) }
        }
        adaptsWeight = true
    }
}

// What the log says, once the best was run.
extension CalibrationFit {
    /// What the log says of the coefficients, of the last run. Residuals are as large as their spread, and requests share
    /// iterations.
    /// - Parameter width: as if what was expected had been less sure by this factor.
    func certainty(width: Double = 1) throws(BatchingError) -> CalibrationCertainty {
        try setRows(startup: startup)
        let spread = max(log.pointee.spread(), 1e-4)
        // Of a delay, nothing is expected: it may as well be a hundred iterations.
        let sigma = Unknowns(prior.sigma.map { $0 * width }, delay: 100)
        let count = fitsDelay ? 8 : 7
        var equations = NormalEquations(count: count)
        for index in 0..<residualCount {
            let size = log.pointee.residuals.elements[index].magnitude
            let share = size <= CalibrationLog.bend ? 1 : CalibrationLog.bend / size
            equations.add(
                rows.elements[index], 0, weight: share / (CalibrationFit.shared * spread * spread))
        }
        for index in 0..<count { equations.add(index, 0, weight: 1 / (sigma[index] * sigma[index])) }
        return CalibrationCertainty(covariance: equations.inverse(), sigma: sigma)
    }
}

extension RandomStream {
    /// Uniform in -1..<1.
    fileprivate mutating func signedUnit() -> Double { Double(next() >> 11) * 0x1p-52 - 1 }

    mutating func sign() -> Double { next() >> 63 == 1 ? 1 : -1 }
}
