// Requests leave an engine that runs on, or get another length.
extension LiveReplica where Memory: ~Copyable {
    /// A request leaves: at once, or, if it runs, when the iteration under way is over.
    mutating func abort(_ id: Int64) throws(BatchingError) {
        try check()
        let row = try row(id)
        let slot = Int(rows.slot.elements[row])
        let isToCome = slot < 0 && position(of: row) ?? -1 >= replica.arrived
        if slot >= 0, !isBetweenIterations, replica.members.elements[slot].state != .waiting || flight.isFlying {
            try leaveLater(Departure(id: id))
        } else {
            try leave(row, at: clock, isFinished: false, firstLost: .max)
        }
        // That a request leaves which has not arrived changes nothing for the others.
        if isStuck, !isToCome { unstick() }
    }

    private func row(_ id: Int64) throws(BatchingError) -> Int {
        guard let row = rows.row(of: id) else { throw .invalid("request", id, "must be that of a request in flight") }
        return row
    }

    /// Asynchronously: whether its last token has been scheduled, so that it will finish in any case.
    private func hasLastTokenOnItsWay(_ slot: Int) -> Bool {
        slot >= 0 && replica.settings.isAsynchronous && replica.isComplete(slot)
    }

    private mutating func leaveLater(_ departure: Departure) throws(BatchingError) {
        try leaving.reserve(leavingCount + 1)
        leaving.elements[leavingCount] = departure
        leavingCount += 1
    }

    /// Those who were aborted leave, before the output of the iteration is processed that was under way.
    /// - Parameter firstLost: the first iteration whose tokens have not been delivered.
    mutating func settleAborts(at time: Nanoseconds, firstLost: Int64) throws(BatchingError) {
        var kept = 0
        for position in 0..<leavingCount {
            let departure = leaving.elements[position]
            if departure.output > 0 {
                keepLeaving(departure, &kept)
            } else if let row = rows.row(of: departure.id) {
                try leave(row, at: time, isFinished: false, firstLost: firstLost)
            }
        }
        leavingCount = kept
        flight.finishingCount = replica.present(flight.finishing.elements, flight.finishingCount)
    }

    /// The same where the members that finish, and have not left yet, are told by the replica.
    mutating func settleAborts(at time: Nanoseconds, landing number: Int64) throws(BatchingError) {
        try settleAborts(at: time, firstLost: number)
        replica.finishingCount = replica.present(replica.finishing.elements, replica.finishingCount)
    }

    /// The iteration that was under way is over: those who leave leave.
    mutating func settleLeaving(at time: Nanoseconds) throws(BatchingError) {
        // Where nothing happened but tokens, the iterations that end at `time` have been run before the clock was there.
        let ahead: Int64 = replica.now > clock ? 1 : 0
        try settleAborts(at: time, firstLost: (flight.isFlying ? flight.number : replica.iteration) - ahead)
        var kept = 0
        for position in 0..<leavingCount {
            let departure = leaving.elements[position]
            guard let row = rows.row(of: departure.id), !hasLastTokenOnItsWay(Int(rows.slot.elements[row])) else {
                continue
            }
            if tokens(row, before: firstInFlight) >= departure.output {
                try leave(row, at: time, isFinished: true, firstLost: firstInFlight)
            } else {
                // It waits for its last token, which is in the batch in flight.
                keepLeaving(departure, &kept)
            }
        }
        leavingCount = kept
    }

    /// The first iteration whose tokens are on their way; those of all others are there.
    private var firstInFlight: Int64 { flight.isFlying ? flight.number : .max }

    /// A request goes on that was to leave as finished.
    private mutating func stay(_ id: Int64) {
        var kept = 0
        for position in 0..<leavingCount {
            let departure = leaving.elements[position]
            if departure.id != id || departure.output == 0 { keepLeaving(departure, &kept) }
        }
        leavingCount = kept
    }

    private mutating func keepLeaving(_ departure: Departure, _ kept: inout Int) {
        leaving.elements[kept] = departure
        kept += 1
    }

    /// How many tokens a request had before an iteration.
    // Mutating, since a call that only borrows the replica copies it.
    private mutating func tokens(_ row: Int, before firstLost: Int64) -> Int32 {
        let slot = Int(rows.slot.elements[row])
        return slot >= 0 ? replica.tokens(slot, before: firstLost) : 0
    }

    private mutating func leave(
        _ row: Int, at time: Nanoseconds, isFinished: Bool, firstLost: Int64
    ) throws(BatchingError) {
        // Nothing is changed before there is memory for all of it.
        try events.makeRoom()
        try vacated.reserve(vacatedCount &+ 1)
        let id = rows.id.elements[row]
        let slot = Int(rows.slot.elements[row])
        let tokens = tokens(row, before: firstLost)
        replica.removePolicyRow(row, slot: slot)
        if slot < 0 {
            try removeUnserved(row)
        } else if isFinished {
            try replica.endOutput(slot)
            replica.members.elements[slot].output = tokens
            try replica.finish(slot, at: time, iteration: replica.iteration)
            rows.remove(row)
        } else {
            replica.withdraw(slot, tokens: tokens)
            rows.remove(row)
        }
        aborted &+= isFinished ? 0 : 1
        try events.append(isFinished ? .finished : .aborted, id, at: time, tokens: tokens)
    }

    /// A request that never ran leaves.
    private mutating func removeUnserved(_ row: Int) throws(BatchingError) {
        replica.memory.forget(row)
        if let position = position(of: row) {
            if position < replica.arrived { replica.waiting.removeFresh() }
            try vacate(row)
            connect()
        } else {
            if replica.policyRows.isUsed {
                replica.waiting.removeOne()
            } else {
                replica.waiting.removeFromHeap(row)
            }
            rows.remove(row)
        }
    }

    /// A request has left, or has another length, so that what could not go on may now.
    private mutating func unstick() {
        isStuck = false
        flight.futileBatches = 0
        replica.totals.futilePreemptions = 0
        replica.now = max(replica.now, clock)
    }

    // They get another length

    /// The number of tokens that a request will have in the end, if it has fewer; otherwise it has finished.
    mutating func setOutputLength(_ id: Int64, _ output: Int32) throws(BatchingError) {
        try check()
        guard output >= 1 else { throw .invalid("output_length", output, "must be at least 1") }
        let row = try row(id)
        let slot = Int(rows.slot.elements[row])
        let asked = rows.maxTokens.elements[row]
        guard asked == 0 || output <= asked else {
            throw .invalid("output_length", output, "must be at most the max_tokens of the request, which is \(asked)")
        }
        let limited = min(Int64(output), replica.settings.maxModelLength - replica.prompt(row))
        if slot >= 0 {
            guard !replica.settings.padsBatch else {
                throw .invalid("request", id, "must not run: a static or dynamic batch runs on as it was formed")
            }
            guard !hasLastTokenOnItsWay(slot) else {
                // It is too late for more, and fewer it does not have.
                if Int64(replica.members.elements[slot].output) >= limited { return }
                throw .invalid("request", id, "must not have its last token on its way")
            }
            if Int64(replica.generated(slot)) >= limited {
                if isBetweenIterations || (replica.members.elements[slot].state == .waiting && !flight.isFlying) {
                    try leave(row, at: clock, isFinished: true, firstLost: .max)
                } else {
                    try leaveLater(Departure(id: id, output: Int32(truncatingIfNeeded: limited)))
                }
                if isStuck { unstick() }
                return
            }
        }
        guard replica.rejection(prompt: replica.prompt(row), output: limited) == nil else {
            throw .invalid("output_length", output, "must leave the request small enough to be served at all")
        }
        if slot >= 0, try !replica.resize(slot, to: Int32(truncatingIfNeeded: limited)) {
            throw BatchingError(
                .capacity, "output_length is \(output): there are not enough free KV blocks to reserve for it")
        }
        rows.set(output: output, of: row)
        stay(id)
        let shown = Int32(truncatingIfNeeded: limited)
        if replica.setPolicyRow(row, slot: slot, output: shown), isStuck { unstick() }
        guard replica.waiting.order == .shortestOutput else { return }
        let isWaiting = slot >= 0 ? replica.members.elements[slot].state == .waiting : position(of: row) == nil
        if isWaiting { try replica.waiting.renew(row, slot: slot) }
    }
}
