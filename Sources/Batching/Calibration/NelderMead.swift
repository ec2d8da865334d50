/// Up to eight numbers.
struct Point {
    var values = InlineArray<8, Double>(repeating: 0)

    /// From here, so far in the direction of another.
    func moved(_ share: Double, to other: Point) -> Point {
        var result = self
        for index in 0..<8 { result.values[index] += share * (other.values[index] - values[index]) }
        return result
    }

    func distance(to other: Point) -> Double {
        var largest = 0.0
        for index in 0..<8 { largest = max(largest, (values[index] - other.values[index]).magnitude) }
        return largest
    }
}

/// Looks for the least value of a function by a simplex that moves (Nelder and Mead, 1965), with the coefficients that Gao
/// and Han adapt to the number of dimensions (2012).
struct NelderMead {
    private struct Corner {
        var value = Double.infinity
        /// Of two with the same value, the one that was found first is before the other.
        var order = 0
        var point = Point()

        func precedes(_ other: Corner) -> Bool {
            value < other.value || (value == other.value && order < other.order)
        }
    }

    private let dimensions: Int
    private var corners = InlineArray<9, Corner>(repeating: Corner())
    private var evaluations = 0

    private(set) var best: Point
    private(set) var bestValue: Double

    init(from start: Point, value: Double, dimensions: Int) {
        self.dimensions = dimensions
        best = start
        bestValue = value
        corners[0] = Corner(value: value, order: 0, point: start)
    }

    /// - Parameters:
    ///   - steps: how far the other corners are from the first, each in one dimension.
    ///   - most: evaluations; infinity is the value of a point that is out of the question.
    mutating func minimize(
        steps: Point, most: Int, _ function: (Point) throws(BatchingError) -> Double
    ) throws(BatchingError) {
        for dimension in 0..<dimensions {
            var point = best
            point.values[dimension] += steps.values[dimension]
            corners[dimension + 1] = try corner(at: point, function)
        }
        while evaluations < most {
            sort()
            if isSmall { break }
            try move(function)
        }
        sort()
        best = corners[0].point
        bestValue = corners[0].value
    }

    private mutating func corner(
        at point: Point, _ function: (Point) throws(BatchingError) -> Double
    ) throws(BatchingError) -> Corner {
        evaluations += 1
        return Corner(value: try function(point), order: evaluations, point: point)
    }

    private mutating func sort() {
        for index in 1...dimensions {
            var place = index
            while place > 0, corners[place].precedes(corners[place - 1]) {
                (corners[place], corners[place - 1]) = (corners[place - 1], corners[place])
                place -= 1
            }
        }
    }

    private var isSmall: Bool {
        var size = 0.0
        for index in 1...dimensions { size = max(size, corners[index].point.distance(to: corners[0].point)) }
        return size <= 1e-4 || (size <= 1e-3 && corners[dimensions].value - corners[0].value <= 1e-3)
    }

    private mutating func move(_ function: (Point) throws(BatchingError) -> Double) throws(BatchingError) {
        let count = Double(dimensions)
        let (expand, contract, shrink) = (1 + 2 / count, 0.75 - 1 / (2 * count), 1 - 1 / count)
        let worst = corners[dimensions]
        var centre = Point()
        for index in 0..<dimensions {
            for dimension in 0..<dimensions {
                centre.values[dimension] += corners[index].point.values[dimension] / count
            }
        }
        let reflected = try corner(at: centre.moved(-1, to: worst.point), function)
        if reflected.value < corners[0].value {
            let expanded = try corner(at: centre.moved(-expand, to: worst.point), function)
            corners[dimensions] = expanded.value < reflected.value ? expanded : reflected
            return
        }
        if reflected.value < corners[dimensions - 1].value {
            corners[dimensions] = reflected
            return
        }
        let isOutside = reflected.value < worst.value
        let contracted = try corner(at: centre.moved(isOutside ? -contract : contract, to: worst.point), function)
        if contracted.value < min(reflected.value, worst.value) {
            corners[dimensions] = contracted
            return
        }
        for index in 1...dimensions {
            corners[index] = try corner(at: corners[0].point.moved(shrink, to: corners[index].point), function)
        }
    }
}
