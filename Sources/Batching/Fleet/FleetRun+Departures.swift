// A request leaves before its end: it is late, or its client is gone.
extension FleetRun {
    /// A request leaves, wherever it is; at a replica where it runs at the end of the iteration under way, and between two
    /// replicas once its KV is where it was to decode.
    /// - Parameter phase: why: `leaving` or `quitting`.
    mutating func depart(_ request: Int, _ phase: RequestPhase, at time: Nanoseconds) throws(BatchingError) {
        let status: RequestStatus = phase == .leaving ? .timedOut : .aborted
        switch operations.phases.elements[request] {
        case .waiting:
            try operations.queue.remove(request)
            operations.failed &+= 1
            try endOperated(request, status, at: time)
            // It may have been the first, which the others waited for.
            try noteRoom(at: time)
        case .queued:
            try router.finished(slot: Int(slots.elements[request]), time: time.seconds)
            if split.isUsed { try withdraw(split.handOvers.number(of: request), at: time) }
            try fail(request, status, at: time)
        case .lost: try fail(request, status, at: time)
        case .losing: operations.phases.elements[request] = phase
        case .placed: try departPlaced(request, phase, at: time)
        case .toCome, .leaving, .quitting, .ended: return
        }
    }

    private mutating func departPlaced(
        _ request: Int, _ phase: RequestPhase, at time: Nanoseconds
    ) throws(BatchingError) {
        let replica = place(of: request)
        if replica >= 0 { try runOn(replica, to: time) }
        // It may have ended at this very time, or gone on.
        guard operations.phases.elements[request] == .placed else { return }
        operations.phases.elements[request] = phase
        if replica >= 0, place(of: request) == replica { return try leave(request, from: replica, at: time) }
        split.isLeaving.elements[request] = true
    }

    /// The replica that has a request among its own; -1: it is on its way from one to another.
    private func place(of request: Int) -> Int {
        let places = operations.places.elements[request]
        guard split.isUsed else { return Int(places.replica) }
        let number = split.handOvers.number(of: request)
        if number < 0 { return Int(places.target) }
        return split.handOvers[number].source < 0 ? Int(places.replica) : -1
    }
}
