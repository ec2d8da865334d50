/// vLLM's internal data-parallel balancer (vllm/v1/engine/core_client.py), as each API-server process has it: the lowest score,
/// the first from where the scan starts. Its copy of what engines told last grows with each request that it sends, until they
/// tell again. What is booked, as one that names its data_parallel_rank, moves neither that copy nor the start.
struct VLLMDP: RouterRule, ~Copyable {
    static var needs: RouterNeeds { RouterNeeds(metrics: true) }

    private let rule: VLLMDPRule
    private let clients: Int64
    private var start: Int

    init(_ configuration: RouterConfig) throws(BatchingError) {
        rule = configuration.vllmDPRule
        clients = Int64(configuration.clientCount)
        start = configuration.workers &* Int(configuration.clientIndex) / Int(configuration.clientCount)
    }

    init(copying other: borrowing VLLMDP, _ copy: inout DeepCopy) {
        (rule, clients, start) = (other.rule, other.clients, other.start)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) {
        state.score { score($0, state) }
        var best = -1
        var lowest = Double.infinity
        scan(start..<state.workers, state, &best, &lowest)
        scan(0..<start, state, &best, &lowest)
        state.allowOnly(best)
    }

    @inline(__always)
    private func scan(
        _ workers: Range<Int>, _ state: borrowing RoutingState, _ best: inout Int, _ lowest: inout Double
    ) {
        for worker in workers where state.isUp.elements[worker] {
            let own = score(worker, state)
            if own < lowest { (best, lowest) = (worker, own) }
        }
    }

    @inline(__always)
    private func score(_ worker: Int, _ state: borrowing RoutingState) -> Double {
        let (waiting, running) = (state.waiting.elements[worker], state.running.elements[worker])
        if rule == .until26 { return Double(4 &* waiting &+ running) }
        let load = Double(max(clients &* state.requests.elements[worker], waiting &+ running))
        if waiting == 0 { return load }
        return load + Double(waiting) * 6 * max(0, state.kvUsage.elements[worker] - 0.5)
    }

    mutating func choose(_ state: inout RoutingState) -> Int {
        let worker = Int(state.candidates.elements[0])
        // Lest those that come before they tell again all go there; the other processes send as many.
        state.waiting.elements.add(clients, at: worker)
        if rule == .from27 { start = start &+ 1 < state.workers ? start &+ 1 : 0 }
        return worker
    }
}
