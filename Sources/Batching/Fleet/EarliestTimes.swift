/// The earliest of a time for each replica, of equals the first in order.
/// - Complexity: O(log n) a change.
struct EarliestTimes: ~Copyable {
    private let times: MinimumTree

    init(count: Int) throws(BatchingError) {
        times = try MinimumTree(count: count, repeating: .max)
    }

    init(copying other: borrowing EarliestTimes, _ copy: inout DeepCopy) {
        times = MinimumTree(copying: other.times, &copy)
    }

    @inline(__always)
    var first: Int { times.first }
    @inline(__always)
    var time: Nanoseconds { Nanoseconds(times.least) }

    /// The earliest time of all others than the first.
    @inline(__always)
    var nextTime: Nanoseconds { Nanoseconds(times.nextLeast) }

    @inline(__always)
    func time(of replica: Int) -> Nanoseconds { Nanoseconds(times.value(of: replica)) }

    mutating func set(_ replica: Int, _ time: Nanoseconds) { times.set(replica, time.count) }
}
