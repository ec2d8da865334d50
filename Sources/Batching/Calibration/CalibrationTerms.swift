/// One number for each coefficient of an affine model, in the order of its fields.
typealias Terms = InlineArray<7, Double>

extension InlineArray<7, Double> {
    static var zero: Terms { Terms(repeating: 0) }

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

    /// Each with that of another.
    @inline(__always)
    func combined(_ other: Terms, _ body: (Double, Double) -> Double) -> Terms {
        var result = Terms.zero
        for index in 0..<7 { result[index] = body(self[index], other[index]) }
        return result
    }

    @inline(__always)
    func map(_ body: (Double) -> Double) -> Terms { combined(self) { (value, _) in body(value) } }

    @inline(__always)
    func dot(_ other: Terms) -> Double {
        var sum = 0.0
        for index in 0..<7 { sum += self[index] * other[index] }
        return sum
    }

    var sum: Double { dot(Terms(repeating: 1)) }
    var largest: Double {
        var largest = self[0]
        for index in 1..<7 { largest = max(largest, self[index]) }
        return largest
    }
}

/// A symmetric matrix of 7 x 7, and a right side: the normal equations of a least-squares problem.
struct NormalEquations {
    private var matrix = InlineArray<49, Double>(repeating: 0)
    private(set) var side = Terms.zero

    subscript(row: Int, column: Int) -> Double {
        get { matrix[7 * row + column] }
        set { matrix[7 * row + column] = newValue }
    }

    /// Adds a row of the problem: terms x unknowns = value.
    mutating func add(_ terms: Terms, _ value: Double, weight: Double) {
        for row in 0..<7 {
            let weighted = weight * terms[row]
            side[row] += weighted * value
            for column in 0..<7 { self[row, column] += weighted * terms[column] }
        }
    }

    /// Adds one in which a single unknown should be a value.
    mutating func add(_ index: Int, _ value: Double, weight: Double) {
        side[index] += weight * value
        self[index, index] += weight
    }

    private func gradient(_ unknowns: Terms) -> Terms {
        var gradient = side
        for row in 0..<7 {
            for column in 0..<7 { gradient[row] -= self[row, column] * unknowns[column] }
        }
        return gradient
    }

    /// The unknowns, none of which is negative (Lawson and Hanson, "Solving Least Squares Problems", 1974, chapter 23).
    /// - Complexity: at most 21 rounds.
    func nonNegativeSolution() -> Terms {
        var solution = Terms.zero
        var isFree = InlineArray<7, Bool>(repeating: false)
        for _ in 0..<21 {
            let gradient = gradient(solution)
            var (best, steepest) = (-1, 1e-12)
            for index in 0..<7 where !isFree[index] && gradient[index] > steepest {
                (best, steepest) = (index, gradient[index])
            }
            if best < 0 { break }
            isFree[best] = true
            // At least one becomes bound in each round but the last.
            for _ in 0..<7 {
                let free = solved(isFree)
                var step = 1.0
                for index in 0..<7 where isFree[index] && free[index] <= 0 {
                    step = min(step, solution[index] / (solution[index] - free[index]))
                }
                for index in 0..<7 where isFree[index] { solution[index] += step * (free[index] - solution[index]) }
                if step == 1 { break }
                for index in 0..<7 where isFree[index] && solution[index] <= 1e-15 {
                    solution[index] = 0
                    isFree[index] = false
                }
            }
        }
        return solution.map { max($0, 0) }
    }

    /// Without the bound, for some of the unknowns; the others are 0. By Cholesky's decomposition.
    private func solved(_ isFree: InlineArray<7, Bool>) -> Terms {
        var lower = InlineArray<49, Double>(repeating: 0)
        var solution = Terms.zero
        for row in 0..<7 where isFree[row] {
            for column in 0...row where isFree[column] {
                var rest = self[row, column]
                for index in 0..<column { rest -= lower[7 * row + index] * lower[7 * column + index] }
                lower[7 * row + column] =
                    row == column ? max(rest, 1e-300).squareRoot() : rest / lower[7 * column + column]
            }
            var rest = side[row]
            for index in 0..<row { rest -= lower[7 * row + index] * solution[index] }
            solution[row] = rest / lower[7 * row + row]
        }
        for row in (0..<7).reversed() where isFree[row] {
            var rest = solution[row]
            for index in row + 1..<7 { rest -= lower[7 * index + row] * solution[index] }
            solution[row] = rest / lower[7 * row + row]
        }
        return solution
    }

    /// How far the unknowns may be off, and together, in the unit of the weights.
    func inverse() -> NormalEquations {
        var inverse = NormalEquations()
        for column in 0..<7 {
            var unit = self
            unit.side = .zero
            unit.side[column] = 1
            let solution = unit.solved(InlineArray(repeating: true))
            for row in 0..<7 { inverse[row, column] = solution[row] }
        }
        return inverse
    }
}

/// How sure coefficients are, once a log has been looked at.
struct CalibrationCertainty {
    let covariance: NormalEquations
    /// Before.
    let sigma: Terms

    /// By how much the log has narrowed each, from 0 to 1.
    var told: Terms {
        var told = Terms.zero
        for index in 0..<7 {
            told[index] = 1 - min(max(covariance[index, index], 0).squareRoot() / sigma[index], 1)
        }
        return told
    }

    /// From -1 to 1: near either end, the log says only of the two together.
    func correlation(_ first: Int, _ second: Int) -> Double {
        let product = covariance[first, first] * covariance[second, second]
        return product > 0 ? min(max(covariance[first, second] / product.squareRoot(), -1), 1) : 0
    }
}
