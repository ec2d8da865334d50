/// Two different workers at random, the one with fewer requests in flight; equal: the first drawn. As Ray Serve 2.60 does
/// (serve/_private/request_router) where no replica is full. It keeps nothing.
struct PowerOfTwo: RouterRule, ~Copyable {
    init(_ configuration: RouterConfig) throws(BatchingError) {}

    init(copying other: borrowing PowerOfTwo, _ copy: inout DeepCopy) {}

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) {
        // Whom it leaves open is set for who asks: a choice looks at two.
        guard state.wantsScores else { return }
        let requests = state.requests.elements
        state.score { Double(requests[$0]) }
        // One that has more than each other loses in all its pairs; any other has a pair that it wins.
        var most: Int64 = -1
        var isAlone = false
        for place in 0..<state.upCount {
            let own = requests[Int(state.upWorkers.elements[place])]
            if own >= most {
                isAlone = own > most
                most = own
            }
        }
        let all = !isAlone || state.upCount == 1
        state.allow { all || requests[$0] < most }
    }

    mutating func choose(_ state: inout RoutingState) -> Int {
        let first = state.anyUpWorker()
        if state.upCount < 2 { return first }
        // One of the others: of all but the last, and the last in place of the first.
        let last = Int32(truncatingIfNeeded: state.upCount &- 1)
        var second = Int(state.upWorkers.elements[Int(state.random.integer(in: 0...last &- 1))])
        if second == first { second = Int(state.upWorkers.elements[Int(last)]) }
        return state.requests.elements[second] < state.requests.elements[first] ? second : first
    }
}
