/// One number for each coefficient of an affine model, in the order of its fields.
typealias Terms = InlineArray<7, Double>

/// The same, and last one for a client's delay.
typealias Unknowns = InlineArray<8, Double>

extension InlineArray where Element == Double {
    static var zero: Self { Self(repeating: 0) }

    /// Each with that of another.
    @inline(__always)
    func combined(_ other: Self, _ body: (Double, Double) -> Double) -> Self {
        var result = Self.zero
        for index in 0..<count { result[index] = body(self[index], other[index]) }
        return result
    }

    @inline(__always)
    func map(_ body: (Double) -> Double) -> Self { combined(self) { (value, _) in body(value) } }

    @inline(__always)
    func dot(_ other: Self) -> Double {
        var sum = 0.0
        for index in 0..<count { sum += self[index] * other[index] }
        return sum
    }

    var sum: Double { dot(Self(repeating: 1)) }
}

extension InlineArray<7, Double> {
    /// What an iteration computes: what each coefficient is multiplied by.
    @inline(__always)
    init(_ work: IterationWork) {
        self = [
            1, Double(work.prefillTokens), Double(work.decodeTokens), Double(work.contextTokens), work.prefillContext,
            work.prefillTokens > 0 ? 1 : 0, Double(work.prefillChunks),
        ]
    }

    var affine: AffineTime {
        AffineTime(
            base: self[0], perPrefillToken: self[1], perDecodeToken: self[2], perContextToken: self[3],
            perPrefillContext: self[4], perPrefillIteration: self[5], perPrefillChunk: self[6])
    }

    var largest: Double {
        var largest = self[0]
        for index in 1..<7 { largest = max(largest, self[index]) }
        return largest
    }
}

extension InlineArray<8, Double> {
    @inline(__always)
    init(_ terms: Terms, delay: Double) {
        self = .zero
        for index in 0..<7 { self[index] = terms[index] }
        self[7] = delay
    }

    var terms: Terms {
        var terms = Terms.zero
        for index in 0..<7 { terms[index] = self[index] }
        return terms
    }
}

/// A symmetric matrix, and a right side: the normal equations of a least-squares problem.
struct NormalEquations {
    /// How many unknowns there are: 7, or 8 with a client's delay. Those beyond are 0.
    private let count: Int
    private var matrix = InlineArray<64, Double>(repeating: 0)
    private(set) var side = Unknowns.zero

    init(count: Int) { self.count = min(max(count, 0), 8) }

    subscript(row: Int, column: Int) -> Double {
        get { matrix[8 * row + column] }
        set { matrix[8 * row + column] = newValue }
    }

    /// Adds a row of the problem: factors x unknowns = value.
    mutating func add(_ factors: Unknowns, _ value: Double, weight: Double) {
        for row in 0..<count {
            let weighted = weight * factors[row]
            side[row] += weighted * value
            for column in 0..<count { self[row, column] += weighted * factors[column] }
        }
    }

    /// Adds one in which a single unknown should be a value.
    mutating func add(_ index: Int, _ value: Double, weight: Double) {
        side[index] += weight * value
        self[index, index] += weight
    }

    private func gradient(_ unknowns: Unknowns) -> Unknowns {
        var gradient = side
        for row in 0..<count {
            for column in 0..<count { gradient[row] -= self[row, column] * unknowns[column] }
        }
        return gradient
    }

    /// The unknowns, none of which is negative (Lawson and Hanson, "Solving Least Squares Problems", 1974, chapter 23).
    /// - Complexity: at most three rounds for each.
    func nonNegativeSolution() -> Unknowns {
        var solution = Unknowns.zero
        var isFree = InlineArray<8, Bool>(repeating: false)
        for _ in 0..<3 * count {
            let gradient = gradient(solution)
            var (best, steepest) = (-1, 1e-12)
            for index in 0..<count where !isFree[index] && gradient[index] > steepest {
                (best, steepest) = (index, gradient[index])
            }
            if best < 0 { break }
            isFree[best] = true
            // At least one becomes bound in each round but the last.
            for _ in 0..<count {
                let free = solved(isFree)
                var step = 1.0
                for index in 0..<count where isFree[index] && free[index] <= 0 {
                    step = min(step, solution[index] / (solution[index] - free[index]))
                }
                for index in 0..<count where isFree[index] { solution[index] += step * (free[index] - solution[index]) }
                if step == 1 { break }
                for index in 0..<count where isFree[index] && solution[index] <= 1e-15 {
                    solution[index] = 0
                    isFree[index] = false
                }
            }
        }
        return solution.map { max($0, 0) }
    }

    /// Without the bound, for some of the unknowns; the others are 0. By Cholesky's decomposition.
    private func solved(_ isFree: InlineArray<8, Bool>) -> Unknowns {
        var lower = InlineArray<64, Double>(repeating: 0)
        var solution = Unknowns.zero
        for row in 0..<count where isFree[row] {
            for column in 0...row where isFree[column] {
                var rest = self[row, column]
                for index in 0..<column { rest -= lower[8 * row + index] * lower[8 * column + index] }
                lower[8 * row + column] =
                    row == column ? max(rest, 1e-300).squareRoot() : rest / lower[8 * column + column]
            }
            var rest = side[row]
            for index in 0..<row { rest -= lower[8 * row + index] * solution[index] }
            solution[row] = rest / lower[8 * row + row]
        }
        for row in (0..<count).reversed() where isFree[row] {
            var rest = solution[row]
            for index in row + 1..<count { rest -= lower[8 * index + row] * solution[index] }
            solution[row] = rest / lower[8 * row + row]
        }
        return solution
    }

    /// How far the unknowns may be off, and together, in the unit of the weights.
    func inverse() -> NormalEquations {
        var inverse = NormalEquations(count: count)
        for column in 0..<count {
            var unit = self
            unit.side = .zero
            unit.side[column] = 1
            let solution = unit.solved(InlineArray(repeating: true))
            for row in 0..<count { inverse[row, column] = solution[row] }
        }
        return inverse
    }
}

/// How sure coefficients are, once a log has been looked at.
struct CalibrationCertainty {
    let covariance: NormalEquations
    /// Before.
    let sigma: Unknowns

    /// By how much the log has narrowed each, from 0 to 1.
    var told: Terms {
        var told = Terms.zero
        for index in 0..<7 { told[index] = 1 - min(deviation(index) / sigma[index], 1) }
        return told
    }

    /// How far it may be off.
    func deviation(_ index: Int) -> Double { max(covariance[index, index], 0).squareRoot() }

    /// From -1 to 1: near either end, the log says only of the two together.
    func correlation(_ first: Int, _ second: Int) -> Double {
        let product = covariance[first, first] * covariance[second, second]
        return product > 0 ? min(max(covariance[first, second] / product.squareRoot(), -1), 1) : 0
    }
}
