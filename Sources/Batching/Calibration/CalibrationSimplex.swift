// The simplex, in the logarithms of the coefficients.
extension CalibrationFit {
    private var logarithms: Point {
        var point = Point()
        for index in 0..<7 {
            point.values[index] = Logarithm.natural(max(terms[index], CalibrationPrior.least * prior.median[index]))
        }
        if startup > 0 { point.values[7] = Logarithm.natural(startup) }
        return point
    }

    private static func terms(_ point: Point) -> Terms {
        var terms = Terms.zero
        for index in 0..<7 { terms[index] = Exponential.natural(min(point.values[index], 20)) }
        return terms
    }

    mutating func refine(
        evaluations: Int, restarts: Int, size usual: Double = 1, _ random: inout RandomStream,
        _ budget: inout CalibrationBudget
    ) throws(BatchingError) {
        let hasStartup = startup > 0
        func first(_ point: Point) -> Double { hasStartup ? Exponential.natural(min(point.values[7], 20)) : 0 }
        var start = logarithms
        var value = try evaluate(CalibrationFit.terms(start), first(start), &budget)
        var size = 0.06 * usual
        for _ in 0..<restarts where !budget.isSpent {
            var steps = Point()
            for index in 0..<(hasStartup ? 8 : 7) {
                let spread = index < 7 ? min(prior.sigma[index], 1) / 0.25 : 1
                steps.values[index] = random.sign() * size * spread
            }
            var simplex = NelderMead(from: start, value: value, dimensions: hasStartup ? 8 : 7)
            var (least, figures) = (value, CalibrationFigures())
            try simplex.minimize(steps: steps, most: evaluations / restarts) { (point) throws(BatchingError) in
                let value = try evaluate(CalibrationFit.terms(point), first(point), &budget)
                if value < least { (least, figures) = (value, log.pointee.figures) }
                return value
            }
            if simplex.bestValue < value {
                (start, value) = (simplex.best, simplex.bestValue)
                try note(
                    CalibrationOptimum(
                        loss: value, terms: CalibrationFit.terms(start), startup: first(start), figures: figures))
            }
            if value < loss { keep(CalibrationFit.terms(start), first(start), value, &budget) }
            adaptsWeight = false
            let before = loss
            try iterate(rounds: 5, below: before, &budget)
            adaptsWeight = true
            if loss < before {
                start = logarithms
                value = try evaluate(CalibrationFit.terms(start), first(start), &budget)
            }
            size *= 0.6
        }
    }
}
