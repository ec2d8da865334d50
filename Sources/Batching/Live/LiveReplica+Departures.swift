// Requests leave an engine that runs on, or get another length.
extension LiveReplica where Memory: ~Copyable {
    /// A request leaves: at once, or, if it runs, when the iteration under way is over.
    mutating func abort(_ id: Int64) throws(BatchingError) {
        try check()
        let row = try row(id)
        let slot = Int(rows.slot.elements[row])
        let isToCome = slot < 0 && position(of: row) ?? -1 >= run.replica.arrived
        if slot >= 0, !isBetweenIterations, run.replica.members.elements[slot].state != .waiting || run.flight.isFlying
        {
            try run.leaveLater(row)
        } else {
            try leave(row, isFinished: false)
        }
        // That a request leaves which has not arrived changes nothing for the others.
        if run.isStuck, !isToCome { unstick() }
    }

    private mutating func row(_ id: Int64) throws(BatchingError) -> Int {
        guard let row = rows.row(of: id) else { throw .invalid("request", id, "must be the id of a request in flight") }
        return row
    }

    /// A request leaves between two iterations.
    private mutating func leave(_ row: Int, isFinished: Bool) throws(BatchingError) {
        let slot = Int(rows.slot.elements[row])
        guard slot < 0 else {
            try run.leave(slot, at: run.clock, isFinished: isFinished, firstLost: .max)
            return try releaseEnded()
        }
        // Nothing is changed before there is memory for all of it.
        try run.replica.observer.makeRoom()
        try vacated.reserve(vacatedCount &+ 1)
        let id = rows.id.elements[row]
        if run.replica.isAttributed {
            let hasWaited = position(of: row).map { $0 < run.replica.arrived } ?? true
            run.replica.observer.ledger.leave(
                unserved: row, arrival: rows.arrivalTime(row), hasWaited: hasWaited, at: run.clock)
        }
        run.replica.removePolicyRow(row, slot: slot)
        // It may have arrived and have no row yet.
        if rows.arrivalTime(row) <= run.clock { run.replica.policyRows.noteChange() }
        try removeUnserved(row)
        run.replica.totals.aborted &+= 1
        try run.replica.observer.tellEnd(.aborted, row, id: id, at: run.clock)
    }

    /// A request that never ran leaves.
    private mutating func removeUnserved(_ row: Int) throws(BatchingError) {
        run.replica.memory.forget(row)
        if let slot = rows.heldSlot(of: row) { run.replica.release(held: slot) }
        if let position = position(of: row) {
            if position < run.replica.arrived { run.replica.waiting.removeFresh() }
            try vacate(row)
            connect()
        } else {
            if run.replica.policyRows.isUsed {
                run.replica.waiting.removeOne()
            } else {
                run.replica.waiting.removeFromHeap(row)
            }
            rows.remove(row)
        }
    }

    /// A request has left, or has another length, so that what could not go on may now.
    private mutating func unstick() {
        run.isStuck = false
        run.flight.futileBatches = 0
        run.replica.totals.futilePreemptions = 0
        run.replica.now = max(run.replica.now, run.clock)
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
        let limited = min(Int64(output), run.replica.settings.maxModelLength - run.replica.prompt(row))
        if slot >= 0 {
            guard !run.replica.settings.padsBatch else {
                throw .invalid("request", id, "must not run: a static or dynamic batch runs on as it was formed")
            }
            guard !run.hasLastTokenOnItsWay(slot) else {
                // It is too late for more, and fewer it does not have.
                if Int64(run.replica.members.elements[slot].output) >= limited { return }
                throw .invalid("request", id, "must not have its last token on its way")
            }
            if Int64(run.replica.generated(slot)) >= limited {
                if isBetweenIterations || (run.replica.members.elements[slot].state == .waiting && !run.flight.isFlying)
                {
                    try leave(row, isFinished: true)
                } else {
                    try run.leaveLater(row, output: Int32(truncatingIfNeeded: limited))
                }
                if run.isStuck { unstick() }
                return
            }
        }
        guard run.replica.rejection(prompt: run.replica.prompt(row), output: limited) == nil else {
            throw .invalid("output_length", output, "must leave the request small enough to be served at all")
        }
        if slot >= 0, try !run.replica.resize(slot, to: Int32(truncatingIfNeeded: limited)) {
            throw BatchingError(
                .capacity, "output_length is \(output): there are not enough free KV blocks to reserve for it")
        }
        rows.set(output: output, of: row)
        run.stay(row)
        let shown = Int32(truncatingIfNeeded: limited)
        if run.replica.setPolicyRow(row, slot: slot, output: shown), run.isStuck { unstick() }
        guard run.replica.waiting.order == .shortestOutput else { return }
        let isWaiting = slot >= 0 ? run.replica.members.elements[slot].state == .waiting : position(of: row) == nil
        if isWaiting { try run.replica.waiting.renew(row, slot: slot) }
    }
}
