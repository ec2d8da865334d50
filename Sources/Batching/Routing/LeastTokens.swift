/// Fewest tokens in flight, those of the prompts and those that are expected as output; the first of equals.
struct LeastTokens: RouterRule, ~Copyable {
    private let loads: MinimumTree

    init(_ configuration: RouterConfig) throws(BatchingError) {
        loads = try MinimumTree(count: configuration.workers, repeating: 0)
    }

    init(copying other: borrowing LeastTokens, _ copy: inout DeepCopy) {
        loads = MinimumTree(copying: other.loads, &copy)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) {
        let tokens = state.tokens.elements
        state.score { Double(tokens[$0]) }
        state.allowOnly(loads.first)
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        update(worker, &state)
    }

    mutating func hasLeft(_ worker: Int, _ state: inout RoutingState) { update(worker, &state) }

    mutating func workerChanged(_ worker: Int, _ state: inout RoutingState) { update(worker, &state) }

    private func update(_ worker: Int, _ state: inout RoutingState) {
        let tokens = state.tokens.elements
        loads.set(worker, state.isUp.elements[worker] ? tokens[worker] : .max)
    }
}
