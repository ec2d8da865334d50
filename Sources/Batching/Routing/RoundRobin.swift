/// One worker after the other: sglang-router's and Dynamo's counter over the workers that are up, vLLM production-stack's
/// counter for each set of those, or NGINX's weights.
struct RoundRobin: RouterRule, ~Copyable {
    static var needs: RouterNeeds { RouterNeeds(ends: false) }

    private let rule: RoundRobinRule
    private var counter: Int
    private var sets: WorkerSets?
    private var smooth: SmoothRoundRobin

    init(_ configuration: RouterConfig) throws(BatchingError) {
        rule = configuration.roundRobinRule
        let sets = rule == .sets ? try WorkerSets(configuration) : nil
        let smooth = try SmoothRoundRobin(workers: configuration.workers)
        self.sets = consume sets
        self.smooth = smooth
        counter = 0
    }

    init(copying other: borrowing RoundRobin, _ copy: inout DeepCopy) {
        (rule, counter) = (other.rule, other.counter)
        switch other.sets {
        case .some(let original): sets = WorkerSets(copying: original, &copy)
        case .none: sets = nil
        }
        smooth = SmoothRoundRobin(copying: other.smooth, &copy)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) {
        switch rule {
        case .counter: state.allowOnly(Int(state.upWorkers.elements[counter % state.upCount]))
        case .sets: if let next = sets?.next(state) { state.allowOnly(next) }
        case .smooth:
            state.allow { _ in true }
            smooth.decide(&state)
        }
    }

    mutating func choose(_ state: inout RoutingState) -> Int {
        switch rule {
        case .counter: counter &+= 1
        case .sets: sets?.advance()
        case .smooth: return smooth.take(state)
        }
        return Int(state.candidates.elements[0])
    }

    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        try sets?.reserve(state)
    }

    mutating func workerChanged(_ worker: Int, _ state: inout RoutingState) { sets?.workersChanged() }
}
