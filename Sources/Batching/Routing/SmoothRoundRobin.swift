/// NGINX's smooth weighted round robin: each of those asked gets its weight as credit; the highest credit, the first of
/// equals, wins, and pays the sum of the weights. One that is alone is taken without.
struct SmoothRoundRobin: ~Copyable {
    private let credit: ScratchBuffer<Int64>
    // Of those that were asked the first, and how many there are: the others still stand in the list of candidates.
    private var first: Int
    private var count: Int

    init(workers: Int) throws(BatchingError) {
        credit = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        (first, count) = (0, 0)
    }

    init(copying other: borrowing SmoothRoundRobin, _ copy: inout DeepCopy) {
        credit = ScratchBuffer(copying: other.credit, &copy)
        (first, count) = (other.first, other.count)
    }

    /// Leaves one of the candidates; credits are as they were.
    mutating func decide(_ state: inout RoutingState) {
        count = state.candidateCount
        first = Int(state.candidates.elements[0])
        var best = first
        var most = credit(best, state)
        for place in 1..<max(count, 1) {
            let worker = Int(state.candidates.elements[place])
            let own = credit(worker, state)
            if own > most { (best, most) = (worker, own) }
        }
        state.allowOnly(best)
    }

    @inline(__always)
    private func credit(_ worker: Int, _ state: borrowing RoutingState) -> Int64 {
        credit.elements[worker] &+ state.weight.elements[worker]
    }

    /// What was decided is taken.
    mutating func take(_ state: borrowing RoutingState) -> Int {
        let taken = Int(state.candidates.elements[0])
        if count < 2 { return taken }
        var sum: Int64 = 0
        for place in 0..<count {
            let worker = place == 0 ? first : Int(state.candidates.elements[place])
            credit.elements.add(state.weight.elements[worker], at: worker)
            sum &+= state.weight.elements[worker]
        }
        credit.elements.subtract(sum, at: taken)
        return taken
    }
}
