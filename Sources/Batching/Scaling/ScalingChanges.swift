/// By how much the number of replicas was changed in one direction, and when.
///
/// Of a period up to `most` changes are kept apart. Beyond them the two oldest become one at the time of the later, which then
/// counts a little longer.
struct ScalingChanges: ~Copyable {
    private static var most: Int { 256 }

    private let changes: ScratchBuffer<ScalingWish>
    private var first: Int
    private var count: Int

    init() throws(BatchingError) {
        changes = try ScratchBuffer<ScalingWish>(uninitialized: Self.most)
        (first, count) = (0, 0)
    }

    init(copying other: borrowing ScalingChanges, _ copy: inout DeepCopy) {
        changes = ScratchBuffer(copying: other.changes, &copy)
        (first, count) = (other.first, other.count)
    }

    mutating func add(_ replicas: Int, at time: Nanoseconds) {
        let elements = changes.elements
        if count == Self.most {
            let oldest = elements[first].number
            first = place(1)
            count &-= 1
            elements[first].number &+= oldest
        }
        let end = place(count)
        elements[end] = ScalingWish(time: time.count, number: Int64(replicas))
        count &+= 1
    }

    /// All in the last `period` nanoseconds; what was exactly so long ago is over.
    func total(in period: Int64, at time: Nanoseconds) -> Int64 {
        var total: Int64 = 0
        var offset = count
        while offset > 0 {
            offset &-= 1
            let change = changes.elements[place(offset)]
            if change.time <= time.count &- period { break }
            total &+= change.number
        }
        return total
    }

    private func place(_ offset: Int) -> Int { (first &+ offset) & (Self.most &- 1) }
}
