// Requests leave as their host says, where an engine runs on. The others have times of aborts: see Replica+Aborts.swift.

/// A running request that leaves once the iteration under way is over. It is still the same if it has the same rank.
struct Departure: BitwiseCopyable {
    var request: UInt32 = 0
    var rank: Int64 = 0
    /// As many tokens as it had to have to be finished; 0: it was aborted.
    var output: Int32 = 0
}

extension EngineRun where Memory: ~Copyable {
    mutating func leaveLater(_ request: Int, output: Int32 = 0) throws(BatchingError) {
        try leaving.reserve(leavingCount + 1)
        leaving.elements[leavingCount] = Departure(
            request: UInt32(truncatingIfNeeded: request), rank: replica.requests.rank(request), output: output)
        leavingCount += 1
    }

    /// The slot of a request that leaves; -1: it has ended since.
    func slot(_ departure: Departure) -> Int {
        let request = Int(departure.request)
        return isThere(request, departure.rank) ? Int(replica.results.slot?[request] ?? -1) : -1
    }

    /// Asynchronously: whether its last token has been scheduled, so that it will finish in any case.
    func hasLastTokenOnItsWay(_ slot: Int) -> Bool {
        slot >= 0 && replica.settings.isAsynchronous && replica.isComplete(slot)
    }

    /// Those that were aborted leave, before the output of the iteration is processed that was under way.
    /// - Parameter firstLost: the first iteration whose tokens have not been delivered.
    private mutating func settleAborts(at time: Nanoseconds, firstLost: Int64) throws(BatchingError) {
        var kept = 0
        for position in 0..<leavingCount {
            let departure = leaving.elements[position]
            let slot = slot(departure)
            if departure.output > 0 {
                keep(departure, &kept)
            } else if slot >= 0 {
                try leave(slot, at: time, isFinished: false, firstLost: firstLost)
            }
        }
        leavingCount = kept
        flight.finishingCount = replica.present(flight.finishing.elements, flight.finishingCount)
    }

    /// The same where the members that finish, and have not left yet, are told by the replica.
    @inline(never)
    mutating func settleAborts(at time: Nanoseconds, landing number: Int64) throws(BatchingError) {
        try settleAborts(at: time, firstLost: number)
        replica.finishingCount = replica.present(replica.finishing.elements, replica.finishingCount)
    }

    /// The iteration that was under way is over: those that leave leave.
    @inline(never)
    mutating func settleLeaving(at time: Nanoseconds) throws(BatchingError) {
        // Where nothing happened but tokens, the iterations that end at `time` have been run before the clock was there.
        let ahead: Int64 = replica.now > clock ? 1 : 0
        try settleAborts(at: time, firstLost: (flight.isFlying ? flight.number : replica.iteration) - ahead)
        var kept = 0
        for position in 0..<leavingCount {
            let departure = leaving.elements[position]
            let slot = slot(departure)
            if slot < 0 || hasLastTokenOnItsWay(slot) { continue }
            if replica.tokens(slot, before: firstInFlight) >= departure.output {
                try leave(slot, at: time, isFinished: true, firstLost: firstInFlight)
            } else {
                // It waits for its last token, which is in the batch in flight.
                keep(departure, &kept)
            }
        }
        leavingCount = kept
    }

    /// The first iteration whose tokens are on their way; those of all others are there.
    private var firstInFlight: Int64 { flight.isFlying ? flight.number : .max }

    /// A request goes on that was to leave as finished.
    mutating func stay(_ request: Int) {
        var kept = 0
        for position in 0..<leavingCount {
            let departure = leaving.elements[position]
            if Int(departure.request) != request || departure.output == 0 { keep(departure, &kept) }
        }
        leavingCount = kept
    }

    private mutating func keep(_ departure: Departure, _ kept: inout Int) {
        leaving.elements[kept] = departure
        kept += 1
    }

    /// A member leaves between two iterations.
    @inline(never)
    mutating func leave(
        _ slot: Int, at time: Nanoseconds, isFinished: Bool, firstLost: Int64
    ) throws(BatchingError) {
        // Nothing is changed before there is memory for all of it.
        try replica.observer.makeRoom()
        let request = Int(replica.members.elements[slot].request)
        let tokens = replica.tokens(slot, before: firstLost)
        if replica.isAttributed { replica.observer.ledger.leave(slot, request, at: time) }
        replica.removePolicyRow(request, slot: slot)
        if isFinished {
            try replica.endOutput(slot)
            replica.members.elements[slot].output = tokens
            try replica.finish(slot, at: time, iteration: replica.iteration)
            if Memory.findsPrefixes, replica.memory.offloads { try replica.memory.writeFull(at: time) }
        } else {
            replica.withdraw(slot, tokens: tokens)
            replica.totals.aborted &+= 1
            try replica.observer.decisionLog?.append(
                .aborted, request, iteration: min(firstLost, replica.iteration), tokens: Int64(tokens))
            try replica.tellEnd(.aborted, request, at: time, tokens: tokens)
        }
    }
}
