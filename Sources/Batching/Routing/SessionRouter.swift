/// Each session has its worker, by consistent hashing; a request without one goes where the fewest were sent of late: as vLLM
/// production-stack's session router. It keeps the ring, and the times of the requests in the window.
struct SessionRouter: RouterRule, ~Copyable {
    private let ring: HashRing
    private var rates: RequestRates

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let names = try WorkerNames(configuration)
        let ring = try HashRing(names, workers: configuration.workers)
        let rates = try RequestRates(configuration)
        self.ring = ring
        self.rates = rates
    }

    init(copying other: borrowing SessionRouter, _ copy: inout DeepCopy) {
        ring = HashRing(copying: other.ring, &copy)
        rates = RequestRates(copying: other.rates, &copy)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        guard let session = question.request.session else { return try rates.decide(at: question.request.time, &state) }
        state.allowOnly(try ring.worker(of: session, isUp: state.isUp.elements))
    }

    mutating func choose(_ state: inout RoutingState) -> Int { Int(state.candidates.elements[0]) }

    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        try rates.reserve()
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        rates.add(worker, time: question.request.time)
    }
}
