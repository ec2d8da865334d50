/// Fewest requests in flight over weight. Of equals the first, any, or the one that NGINX 1.22 (least_conn, one process) or
/// HAProxy 2.6 (leastconn, one thread) takes. It keeps some numbers a worker.
struct LeastRequests: RouterRule, ~Copyable {
    private let ties: RouterTies
    private let isWeighted: Bool
    /// Whose first is the first of the least, where the weights are equal;
    private let loads: MinimumTree
    /// and otherwise; HAProxy: the head of the line.
    private let tournament: WorkerTournament
    private var smooth: SmoothRoundRobin
    // HAProxy: a line ordered by key, and by when the key changed.
    private let key: ScratchBuffer<Int64>
    private let since: ScratchBuffer<Int64>
    private var changes: Int64

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let workers = configuration.workers
        let loads = try MinimumTree(count: workers, repeating: 0)
        let tournament = try WorkerTournament(workers: workers)
        let smooth = try SmoothRoundRobin(workers: workers)
        let key = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let since = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        var isWeighted = false
        for worker in 0..<workers {
            since.elements[worker] = Int64(worker)
            if let weight = configuration.weight, weight[worker] != 1 { isWeighted = true }
        }
        ties = configuration.ties
        self.isWeighted = isWeighted
        self.loads = loads
        self.tournament = tournament
        self.smooth = smooth
        self.key = key
        self.since = since
        changes = Int64(workers)
    }

    init(copying other: borrowing LeastRequests, _ copy: inout DeepCopy) {
        (ties, isWeighted, changes) = (other.ties, other.isWeighted, other.changes)
        loads = MinimumTree(copying: other.loads, &copy)
        tournament = WorkerTournament(copying: other.tournament, &copy)
        smooth = SmoothRoundRobin(copying: other.smooth, &copy)
        key = ScratchBuffer(copying: other.key, &copy)
        since = ScratchBuffer(copying: other.since, &copy)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) {
        let requests = state.requests.elements
        let weight = state.weight.elements
        state.score { Double(requests[$0]) / Double(weight[$0]) }
        let least = isWeighted || ties == .haproxy ? tournament.winner : loads.first
        switch ties {
        case .first, .haproxy: return state.allowOnly(least)
        case .random, .nginx: break
        }
        if isWeighted {
            state.allow { requests[$0] &* weight[least] == requests[least] &* weight[$0] }
        } else {
            let load = requests[least]
            state.allow { requests[$0] == load }
        }
        if ties == .nginx { smooth.decide(&state) }
    }

    mutating func choose(_ state: inout RoutingState) -> Int {
        switch ties {
        case .nginx: smooth.take(state)
        case .random: state.anyCandidate()
        case .first, .haproxy: Int(state.candidates.elements[0])
        }
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        place(worker, &state)
    }

    mutating func hasLeft(_ worker: Int, _ state: inout RoutingState) { place(worker, &state) }

    mutating func workerChanged(_ worker: Int, _ state: inout RoutingState) { update(worker, &state) }

    /// Its load has changed.
    private mutating func place(_ worker: Int, _ state: inout RoutingState) {
        if ties == .haproxy {
            // A server whose key changes goes behind its equals.
            let live = state.requests.elements[worker]
            let key = live > 0 ? (live &+ 1) &* 256 / state.weight.elements[worker] : 0
            if key == self.key.elements[worker] { return }
            self.key.elements[worker] = key
            since.elements[worker] = changes
            changes &+= 1
        }
        update(worker, &state)
    }

    private func update(_ worker: Int, _ state: inout RoutingState) {
        let isUp = state.isUp.elements[worker]
        let requests = state.requests.elements
        if ties == .haproxy {
            let (key, since) = (key.elements, since.elements)
            tournament.update(worker, isUp: isUp) { (key[$0], since[$0]) < (key[$1], since[$1]) }
        } else if isWeighted {
            let weight = state.weight.elements
            tournament.update(worker, isUp: isUp) { requests[$0] &* weight[$1] < requests[$1] &* weight[$0] }
        } else {
            loads.set(worker, isUp ? requests[worker] : .max)
        }
    }
}
