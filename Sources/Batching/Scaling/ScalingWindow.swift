/// The highest, or the lowest, of what was wanted in the last seconds. It keeps only what may still be that: numbers that fall (or
/// rise) with time, so that it is never longer than there are different numbers.
struct ScalingWindow: ~Copyable {
    private let isHighest: Bool
    private let length: Int64
    private let capacity: Int
    private let wishes: ScratchBuffer<ScalingWish>
    private var first: Int
    private var count: Int

    /// - Parameters:
    ///   - seconds: its length. 0: only the present counts, and nothing is kept.
    ///   - most: the largest number.
    init(seconds: Double, most: Int, isHighest: Bool) throws(BatchingError) {
        let length = Nanoseconds(validSeconds: seconds).count
        let capacity = length == 0 ? 0 : most &+ 1
        let wishes = try ScratchBuffer<ScalingWish>(uninitialized: capacity)
        self.wishes = wishes
        self.isHighest = isHighest
        self.length = length
        self.capacity = capacity
        (first, count) = (0, 0)
    }

    init(copying other: borrowing ScalingWindow, _ copy: inout DeepCopy) {
        (isHighest, length, capacity) = (other.isHighest, other.length, other.capacity)
        wishes = ScratchBuffer(copying: other.wishes, &copy)
        (first, count) = (other.first, other.count)
    }

    /// Counts what is wanted now, in 0 and the largest number. What was wanted exactly `length` ago is over.
    /// - Returns: the highest, or lowest, with it.
    mutating func add(_ number: Int, at time: Nanoseconds) -> Int {
        if capacity == 0 { return number }
        let elements = wishes.elements
        while count > 0, elements[first].time <= time.count &- length { forgetFirst() }
        var extreme = number
        if count > 0 {
            let before = Int(elements[first].number)
            extreme = isHighest ? max(number, before) : min(number, before)
        }
        while count > 0, !outlives(Int(elements[place(count &- 1)].number), number) { count &-= 1 }
        let end = place(count)
        elements[end] = ScalingWish(time: time.count, number: Int64(number))
        count &+= 1
        return extreme
    }

    /// Whether an earlier number may still be the extreme when a later one is there.
    private func outlives(_ earlier: Int, _ later: Int) -> Bool {
        isHighest ? earlier > later : earlier < later
    }

    private mutating func forgetFirst() {
        first = place(1)
        count &-= 1
    }

    private func place(_ offset: Int) -> Int {
        let place = first &+ offset
        return place < capacity ? place : place &- capacity
    }
}

/// What was wanted, and when.
struct ScalingWish: BitwiseCopyable {
    var time: Int64
    var number: Int64
}
