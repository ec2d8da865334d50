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
        if split.isUsed { split.origins.elements[request] = .elsewhere }
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
}
