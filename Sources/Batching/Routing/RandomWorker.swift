/// Each worker that is up is as likely. It keeps nothing.
struct RandomWorker: RouterRule, ~Copyable {
    static var needs: RouterNeeds { RouterNeeds(ends: false) }

    init(_ configuration: RouterConfig) throws(BatchingError) {}

    init(copying other: borrowing RandomWorker, _ copy: inout DeepCopy) {}

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) {
        // Only `explain` needs the list: a choice is made without.
        if state.wantsScores { state.allow { _ in true } }
    }

    mutating func choose(_ state: inout RoutingState) -> Int { state.anyUpWorker() }
}
