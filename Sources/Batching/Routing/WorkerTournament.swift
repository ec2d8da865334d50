/// Which of the workers that are up precedes all others: a tree of winners. A worker whose load changes plays its matches again.
struct WorkerTournament: ~Copyable {
    private let leaves: Int
    /// By node, the root at 1, the workers from `leaves` on; `none` where none is up.
    private let winners: ScratchBuffer<Int32>

    private static var none: Int32 { -1 }

    /// All are up, and equal: the first wins.
    init(workers: Int) throws(BatchingError) {
        let leaves = 1 &<< (Int.bitWidth &- (workers &- 1).leadingZeroBitCount)
        let winners = try ScratchBuffer<Int32>(count: 2 &* leaves, repeating: WorkerTournament.none)
        for worker in 0..<workers { winners.elements[leaves &+ worker] = Int32(truncatingIfNeeded: worker) }
        for node in (1..<leaves).reversed() { winners.elements[node] = winners.elements[2 &* node] }
        self.leaves = leaves
        self.winners = winners
    }

    init(copying other: borrowing WorkerTournament, _ copy: inout DeepCopy) {
        leaves = other.leaves
        winners = ScratchBuffer(copying: other.winners, &copy)
    }

    /// The first of those that none precedes. At least one worker is up.
    @inline(__always)
    var winner: Int { Int(winners.elements[1]) }

    /// A worker has changed.
    /// - Parameter precedes: whether a worker precedes another; of equals the first wins.
    /// - Complexity: O(log workers).
    @inline(__always)
    func update(_ worker: Int, isUp: Bool, by precedes: (Int, Int) -> Bool) {
        let winners = winners.elements
        let changed = Int32(truncatingIfNeeded: worker)
        var node = leaves &+ worker
        winners[node] = isUp ? changed : WorkerTournament.none
        while node > 1 {
            let (left, right) = (winners[node & ~1], winners[node | 1])
            var winner = left
            if left < 0 || (right >= 0 && precedes(Int(right), Int(left))) { winner = right }
            node /= 2
            // Above a match that the same worker wins as before nothing changes, unless it is the one that has changed.
            if winner == winners[node], winner != changed { return }
            winners[node] = winner
        }
    }
}
