/// Fewest tokens in flight, those of the prompts and those that are expected as output; the first of equals.
struct LeastTokens: RouterRule, ~Copyable {
    private let tournament: WorkerTournament

    init(_ configuration: RouterConfig) throws(BatchingError) {
        tournament = try WorkerTournament(workers: configuration.workers)
    }

    init(copying other: borrowing LeastTokens, _ copy: inout DeepCopy) {
        tournament = WorkerTournament(copying: other.tournament, &copy)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) {
        let tokens = state.tokens.elements
        state.score { Double(tokens[$0]) }
        state.allowOnly(tournament.winner)
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        update(worker, state)
    }

    mutating func hasLeft(_ worker: Int, _ state: inout RoutingState) { update(worker, state) }

    mutating func workerChanged(_ worker: Int, _ state: inout RoutingState) { update(worker, state) }

    private func update(_ worker: Int, _ state: borrowing RoutingState) {
        let tokens = state.tokens.elements
        tournament.update(worker, isUp: state.isUp.elements[worker]) { tokens[$0] < tokens[$1] }
    }
}
