// A fleet that runs on as its host's time goes by.
extension FleetRun {
    /// Requests are in these rows from now on.
    mutating func connect(_ rows: borrowing FleetRows) throws(BatchingError) {
        try slots.reserve(rows.capacity)
        if operations.isUsed { try operations.reserve(requests: rows.capacity) }
        if split.isUsed { try split.reserve(requests: rows.capacity) }
        requests = rows.columns
        split.prefillRequests = requests.prefillOnly
        outputs.results = rows.results
        outputs.columns = rows.fleetColumns
    }

    /// A request comes, in a row for which there is room.
    mutating func expect(_ request: Int) {
        if operations.isUsed { operations.begin(request) }
        if split.isUsed { split.begin(request) }
        pending.add(request, turn: turn(of: request), at: requests.arrival(request))
    }

    /// Runs on; `RunGoal.forever`: until nothing is left to do, and no request comes.
    mutating func advance(to goal: Nanoseconds, from clock: Nanoseconds) throws(BatchingError) {
        (horizon, isOpen, latest) = (goal, goal < RunGoal.forever, clock)
        if waitsForMore, !mayArrive { try startBatches(at: clock) }
        try proceed()
        if outputs.events.isWatchOver { return }
        let replicas = replicas
        for replica in 0..<replicaCount {
            try Work.row(replica)
            if !isOpen {
                try replicas[replica].land()
                try takeEvents(of: replica)
            } else if times.time(of: replica) < RunGoal.forever {
                try runOn(replica, to: goal)
            }
        }
    }

    // A client is gone

    /// A request leaves, wherever it is; at a replica where it runs at the end of the iteration under way.
    mutating func abort(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        isOpen = true
        if try pending.remove(request) {
            return try outputs.noteEnd(request, .aborted, tokens: 0, at: time)
        }
        if operations.isUsed { return try depart(request, .quitting, at: time) }
        if split.isUsed { return try abortApart(request, at: time) }
        let replica = Int(outputs.columns.replica?[request] ?? -1)
        if replica >= 0 { return try leave(request, from: replica, at: time) }
        try router.finished(slot: Int(slots.elements[request]), time: time.seconds)
        try outputs.noteEnd(request, .aborted, tokens: 0, at: time)
    }

    /// A request is taken from its replica, which has run up to then.
    mutating func leave(_ request: Int, from replica: Int, at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        try replicas[replica].abort(Int64(request))
        try runOn(replica, to: time)
    }

    private mutating func abortApart(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        let number = split.handOvers.number(of: request)
        guard number >= 0 else {
            return try leave(request, from: Int(outputs.columns.replica?[request] ?? 0), at: time)
        }
        if split.handOvers[number].source >= 0 {
            split.isLeaving.elements[request] = true
            return
        }
        let source = Int(outputs.columns.prefillReplica?[request] ?? -1)
        if source >= 0 { return try leave(request, from: source, at: time) }
        try router.finished(slot: Int(slots.elements[request]), time: time.seconds)
        try outputs.noteEnd(request, .aborted, tokens: 0, at: time)
        try turnAway(request, at: time)
    }
}
