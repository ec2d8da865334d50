/// The checks of columns: a first look without a branch per element, and a second for the culprit only if there is one.
enum Validation {
    static func count(_ count: Int, _ argument: StaticString) throws(BatchingError) {
        guard count >= 0 else { throw .invalid("\(argument)", count, "must be at least 0") }
        guard count <= RequestColumns.maximumCount else {
            throw .invalid("\(argument)", count, "must be at most \(RequestColumns.maximumCount)")
        }
    }

    @discardableResult
    static func lengths(
        _ column: UnsafePointer<Int32>, _ count: Int, atLeast minimum: Int32, _ name: StaticString
    ) throws(BatchingError) -> (sum: Int64, largest: Int32) {
        var sum: Int64 = 0
        var largest = Int32.min
        // Negative as soon as a length is, or as one is below the minimum.
        var signs: Int32 = 0
        try Work.inPieces(of: count) { piece in
            for index in piece {
                let length = column[index]
                sum &+= Int64(UInt32(bitPattern: length))
                largest = max(largest, length)
                signs |= length | (length &- minimum)
            }
        }
        if signs < 0 {
            for index in 0..<count {
                try Work.row(index)
                guard column[index] < minimum else { continue }
                throw .invalid("\(name)", index, column[index], "must be at least \(minimum)")
            }
        }
        return (sum, largest)
    }

    /// - Returns: the largest time (0 if there is none), and whether none is smaller than the one before it.
    static func times(
        _ column: UnsafePointer<Double>, _ count: Int, _ name: StaticString
    ) throws(BatchingError) -> (largest: Double, areInOrder: Bool) {
        if count == 0 { return (0, true) }
        // Not-a-number fails every comparison: if the times are in order, the first and the last bound all of them.
        var areInOrder = SIMDMask<SIMD2<Int64>>(repeating: true)
        try Work.inPieces(of: count - 1) { piece in
            var index = piece.lowerBound
            while index &+ 2 <= piece.upperBound {
                let (one, next) = (column[index], column[index &+ 1])
                areInOrder .&= SIMD2(one, next) .<= SIMD2(next, column[index &+ 2])
                index &+= 2
            }
            if index < piece.upperBound { areInOrder[0] = areInOrder[0] && column[index] <= column[index &+ 1] }
        }
        if all(areInOrder), Nanoseconds.holds(column[0]), Nanoseconds.holds(column[count - 1]) {
            return (column[count - 1], true)
        }
        var largest = 0.0
        for index in 0..<count {
            try Work.row(index)
            let time = column[index]
            guard Nanoseconds.holds(time) else { throw .invalid("\(name)", index, time, Nanoseconds.requirement) }
            largest = max(largest, time)
        }
        return (largest, false)
    }

    /// Seconds that an iteration takes: at least one nanosecond once rounded.
    static func timePerToken(_ seconds: Double) throws(BatchingError) -> Nanoseconds {
        let step = try Nanoseconds(seconds: seconds, argument: "time_per_token")
        guard step > .zero else {
            throw .invalid("time_per_token", seconds, "must be at least 1 nanosecond (1e-9) once rounded")
        }
        return step
    }
}
