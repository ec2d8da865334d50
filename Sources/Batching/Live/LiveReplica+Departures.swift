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
            try leave(row, at: clock, isFinished: false)
        }
        // Who has not come yet is missed by nobody.
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

    /// The iteration that was under way is over: those who leave leave.
    mutating func settleLeaving(at time: Nanoseconds) throws(BatchingError) {
        // Whoever has its last token has finished, even if it was aborted meanwhile.
        try settleLeaving(at: time, asFinished: true)
        try settleLeaving(at: time, asFinished: false)
        // The others wait for their last token, which is in the batch in flight.
        var kept = 0
        for position in 0..<leavingCount {
            let departure = leaving.elements[position]
            if departure.output > 0, isHere(departure) { keepLeaving(departure, &kept) }
        }
        leavingCount = kept
    }

    private mutating func settleLeaving(at time: Nanoseconds, asFinished: Bool) throws(BatchingError) {
        for position in 0..<leavingCount where (leaving.elements[position].output > 0) == asFinished {
            let departure = leaving.elements[position]
            guard isHere(departure), let row = rows.row(of: departure.id), tokensLanded(row) >= departure.output else {
                continue
            }
            try leave(row, at: time, isFinished: asFinished)
        }
    }

    /// Whether who is to leave has not gone, and will not finish in any case.
    private func isHere(_ departure: Departure) -> Bool {
        guard let row = rows.row(of: departure.id) else { return false }
        return !hasLastTokenOnItsWay(Int(rows.slot.elements[row]))
    }

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

    /// How many tokens a request has. Asynchronously the batch in flight gives one more to everyone who decodes, and to
    /// those whose first it is, be they preempted since.
    private func tokensLanded(_ row: Int) -> Int32 {
        let slot = Int(rows.slot.elements[row])
        guard slot >= 0 else { return 0 }
        let tokens = replica.outputGenerated(slot)
        guard flight.isFlying else { return tokens }
        let decodes = replica.members.elements[slot].state == .decoding
        let isLanding = decodes || (tokens == 1 && flight.givesFirstToken(to: row, rows.rank.elements[row]))
        return isLanding ? tokens - 1 : tokens
    }

    private mutating func leave(_ row: Int, at time: Nanoseconds, isFinished: Bool) throws(BatchingError) {
        let id = rows.id.elements[row]
        let slot = Int(rows.slot.elements[row])
        var tokens: Int32 = 0
        replica.removePolicyRow(row, slot: slot)
        if slot < 0 {
            try removeUnserved(row)
        } else if isFinished {
            tokens = tokensLanded(row)
            try replica.endOutput(slot)
            replica.members.elements[slot].output = tokens
            try replica.finish(slot, at: time, iteration: replica.iteration)
            rows.remove(row)
        } else {
            tokens = tokensLanded(row)
            replica.withdraw(slot)
            rows.remove(row)
        }
        aborted += isFinished ? 0 : 1
        try events.append(isFinished ? .finished : .aborted, id, at: time, tokens: tokens)
    }

    /// Somebody who never ran leaves.
    private mutating func removeUnserved(_ row: Int) throws(BatchingError) {
        replica.memory.forget(row)
        if let position = position(of: row) {
            if position < replica.arrived { replica.waiting.removeFresh() }
            if rows.arrivalTime(row) <= clock {
                try vacate(row)
            } else {
                close(position)
                rows.remove(row)
            }
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

    /// Somebody has gone, or has another length, so that what could not go on may now.
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
                    try leave(row, at: clock, isFinished: true)
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
