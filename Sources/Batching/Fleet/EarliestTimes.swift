/// The earliest of a time for each replica, of equals the first in order: a tournament, in which a change is played again up
/// to the root.
/// - Complexity: O(log n) a change.
struct EarliestTimes: ~Copyable {
    private let times: ScratchBuffer<Nanoseconds>
    private let winners: ScratchBuffer<Int32>
    private let leaves: Int

    init(count: Int) throws(BatchingError) {
        var leaves = 1
        while leaves < count { leaves &*= 2 }
        let times = try ScratchBuffer(count: leaves, repeating: Nanoseconds(.max))
        let winners = try ScratchBuffer<Int32>(count: 2 &* leaves, repeating: 0)
        for leaf in 0..<leaves { winners.elements[leaves &+ leaf] = Int32(truncatingIfNeeded: leaf) }
        for node in (1..<max(leaves, 1)).reversed() { winners.elements[node] = winners.elements[2 &* node] }
        self.times = times
        self.winners = winners
        self.leaves = leaves
    }

    init(copying other: borrowing EarliestTimes, _ copy: inout DeepCopy) {
        times = ScratchBuffer(copying: other.times, &copy)
        winners = ScratchBuffer(copying: other.winners, &copy)
        leaves = other.leaves
    }

    var first: Int { Int(winners.elements[1]) }
    var time: Nanoseconds { times.elements[first] }

    func time(of replica: Int) -> Nanoseconds { times.elements[replica] }

    mutating func set(_ replica: Int, _ time: Nanoseconds) {
        times.elements[replica] = time
        var node = (leaves &+ replica) / 2
        while node >= 1 {
            let (left, right) = (winners.elements[2 &* node], winners.elements[2 &* node &+ 1])
            winners.elements[node] = times.elements[Int(right)] < times.elements[Int(left)] ? right : left
            node /= 2
        }
    }
}
