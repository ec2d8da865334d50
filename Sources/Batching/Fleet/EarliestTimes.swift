/// The earliest of a time for each replica, of equals the first in order: a tournament, in which a change is played again up
/// to the root, or as far as that changes who wins.
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

    /// The earliest time of all others than the first.
    var nextTime: Nanoseconds {
        let (times, winners) = (times.elements, winners.elements)
        var earliest = Nanoseconds(.max)
        var node = leaves &+ Int(winners[1])
        while node > 1 {
            earliest = min(earliest, times[Int(winners[node ^ 1])])
            node /= 2
        }
        return earliest
    }

    func time(of replica: Int) -> Nanoseconds { times.elements[replica] }

    mutating func set(_ replica: Int, _ time: Nanoseconds) {
        let (times, winners) = (times.elements, winners.elements)
        if times[replica] == time { return }
        times[replica] = time
        let changed = Int32(truncatingIfNeeded: replica)
        var node = (leaves &+ replica) / 2
        while node >= 1 {
            let (left, right) = (winners[2 &* node], winners[2 &* node &+ 1])
            let winner = times[Int(right)] < times[Int(left)] ? right : left
            // Above a match that the same one wins as before nothing changes, unless it is the one that has changed.
            if winner == winners[node], winner != changed { return }
            winners[node] = winner
            node /= 2
        }
    }
}
