/// Samples without replacement: Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S.
public enum SelectionSampling {
    /// Chooses `n` of the indices 0..<`count`; every set of n is equally likely.
    ///
    /// The algorithm goes through the indices, and chooses the next one with probability (still to choose) / (still to
    /// come). For each it draws an integer of 0..<(still to come) without bias (`RandomStream.integer`, from the stream of
    /// the purpose "selection"), and chooses the index if that is below what is still to choose. It ends when all are
    /// chosen.
    /// - Parameters:
    ///   - n: in 0...`count`.
    ///   - count: in 0...2,000,000,000.
    ///   - seed: same seed, same sample.
    ///   - choose: is called with each chosen index, in rising order, and its place in the sample.
    /// - Complexity: O(`count`).
    @inline(__always)
    static func choose(
        _ n: Int, of count: Int, seed: UInt64, _ choose: (_ index: Int, _ place: Int) -> Void
    ) throws(BatchingError) {
        try Validation.count(count, "count")
        guard n >= 0, n <= count else {
            throw .invalid("n", n, "must be between 0 and count, which is \(count)")
        }
        var stream = RandomStream(seed: seed, purpose: .selection)
        var place = 0
        for index in 0..<count where place < n {
            try Work.row(index)
            // The last draw is of one integer, which needs no case of its own.
            let draw = stream.integer(in: 0...Int32(truncatingIfNeeded: count &- index &- 1))
            if Int(draw) < n &- place {
                choose(index, place)
                place &+= 1
            }
        }
    }

    /// The same, into a column.
    /// - Parameter indices: `n` elements, which are written in rising order.
    public static func choose(
        _ n: Int, of count: Int, seed: UInt64, into indices: UnsafeMutablePointer<Int64>
    ) throws(BatchingError) {
        try choose(n, of: count, seed: seed) { index, place in indices[place] = Int64(index) }
    }
}
