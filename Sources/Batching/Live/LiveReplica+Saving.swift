// An engine that runs on becomes bytes. What follows from other things is not among them: it is put together again as it
// came about. So, whatever bytes are read, if each number is in its range they make a state that an engine can be in.
extension LiveReplica where Memory: ~Copyable {
    mutating func write(to writer: inout ByteWriter) throws(BatchingError) {
        if run.replica.policyRows.isUsed { try run.replica.updatePolicyRows() }
        let roll = try LiveRoll.of(&self)
        var counters = counters(roll)
        try counters.code(&writer)
        if run.replica.isAttributed { try run.replica.observer.ledger.code(&writer) }
        for place in 0..<roll.count {
            try Work.row(place)
            var row = rows[roll.row(at: place)]
            try row.code(&writer)
            rows.hashes.write(row: roll.row(at: place), to: &writer)
        }
        var decoding = 0
        for place in 0..<roll.running + roll.preempted {
            try Work.row(place)
            var member = run.replica.savedMember(slot(roll, place))
            if member.kind == .decoding {
                // Those admitted in the iteration under way come last, and are not counted yet.
                if decoding >= run.replica.decoding { member.kind = .joining }
                decoding += 1
            }
            try member.code(&writer)
            if run.replica.isAttributed {
                try run.replica.observer.ledger.code(&writer, slot: slot(roll, place), roll.row(at: place))
            }
        }
        if run.replica.isAttributed {
            let first = roll.running &+ roll.preempted
            for place in first..<first &+ roll.waiting {
                try Work.row(place)
                try run.replica.observer.ledger.code(&writer, waiting: roll.row(at: place))
            }
        }
        if run.replica.policyRows.isUsed {
            var policy = run.replica.savedPolicyState
            try policy.code(&writer)
        }
        writeDepartures(to: &writer, roll)
        writeFirstTokens(run.firstTokens.elements, run.firstTokenCount, to: &writer, roll)
        try writeFlight(to: &writer, roll)
        if var scheduled = run.underWay {
            try scheduled.work.code(&writer)
            try scheduled.code(&writer, from: run.replica.now)
        }
        let slots = rows.slot.elements
        try run.replica.memory.write(to: &writer, members: roll.running) { Int(slots[roll.row(at: $0)]) }
        writer.write(Int64(run.replica.observer.events.count))
        let latest = run.clock
        let events = run.replica.observer.events.count
        try run.replica.observer.events.forEach(of: events) { (_, event, parts) throws(BatchingError) in
            var event = event
            try event.code(&writer, from: .zero, to: latest)
            if var parts { try parts.code(&writer) }
        }
    }

    private func slot(_ roll: borrowing LiveRoll, _ place: Int) -> Int { Int(rows.slot.elements[roll.row(at: place)]) }

    private mutating func counters(_ roll: borrowing LiveRoll) -> SavedCounters {
        SavedCounters(
            clock: run.clock, now: run.replica.now, iteration: run.replica.iteration, submitted: rows.submitted,
            rejected: Int64(run.replica.totals.rejected), aborted: Int64(run.replica.totals.aborted),
            finished: Int64(run.replica.totals.finished),
            preemptions: run.replica.totals.preemptions, prefills: run.replica.totals.prefills,
            decodeTokens: run.replica.totals.decodeTokens,
            futilePreemptions: Int64(run.replica.totals.futilePreemptions),
            tokensBeforeThem: run.replica.totals.tokensBeforeThem, batchOutput: run.replica.batchOutput,
            isStuck: run.isStuck,
            hashBlockSize: Int64(rows.hashes.blockSize ?? 0), hashesCoverOutput: rows.hashes.coversOutput,
            running: Int64(roll.running), preempted: Int64(roll.preempted), waiting: Int64(roll.waiting),
            pending: Int64(roll.pending), isUnderWay: run.underWay != nil)
    }

    /// Requests that leave; one that is gone already is not among them.
    private mutating func writeDepartures(to writer: inout ByteWriter, _ roll: borrowing LiveRoll) {
        var count: Int64 = 0
        for position in 0..<run.leavingCount where run.slot(run.leaving.elements[position]) >= 0 { count += 1 }
        writer.write(count)
        for position in 0..<run.leavingCount {
            let departure = run.leaving.elements[position]
            guard run.slot(departure) >= 0 else { continue }
            writer.write(roll.place(ofRow: Int(departure.request)))
            writer.write(departure.output)
        }
    }

    /// Requests that are still there.
    private mutating func writeFirstTokens(
        _ firstTokens: UnsafePointer<FirstToken>, _ tokens: Int, to writer: inout ByteWriter,
        _ roll: borrowing LiveRoll
    ) {
        var count: Int64 = 0
        for position in 0..<tokens where isThere(firstTokens[position]) { count += 1 }
        writer.write(count)
        for position in 0..<tokens where isThere(firstTokens[position]) {
            writer.write(roll.place(ofRow: Int(firstTokens[position].request)))
        }
    }

    /// Whether it has not gone since.
    func isThere(_ first: FirstToken) -> Bool { rows.rank.elements[Int(first.request)] == first.rank }

    private mutating func writeFlight(to writer: inout ByteWriter, _ roll: borrowing LiveRoll) throws(BatchingError) {
        var saved = SavedFlight(
            isFlying: run.flight.isFlying, isFollowed: run.flight.isFollowed, isAwaited: run.flight.isAwaited,
            number: run.flight.number, end: run.flight.end, deviceEnd: run.flight.deviceEnd,
            futileBatches: Int64(run.flight.futileBatches))
        try saved.code(&writer)
        guard run.flight.isFlying else { return }
        writeFinishing(run.flight.finishing.elements, run.flight.finishingCount, to: &writer, roll)
        writeFirstTokens(run.flight.firstTokens.elements, run.flight.firstTokenCount, to: &writer, roll)
        if run.flight.isFollowed {
            writeFinishing(run.replica.finishing.elements, run.replica.finishingCount, to: &writer, roll)
        }
        var (iteration, next) = (run.flight.iteration, run.flight.next)
        try iteration.code(&writer, number: run.flight.number)
        if run.flight.isFollowed { try next.code(&writer, number: run.flight.number &+ 1) }
    }

    private func writeFinishing(
        _ slots: UnsafePointer<Int32>, _ count: Int, to writer: inout ByteWriter, _ roll: borrowing LiveRoll
    ) {
        writer.write(Int64(count))
        for position in 0..<count {
            writer.write(roll.place(ofRow: Int(run.replica.members.elements[Int(slots[position])].request)))
        }
    }
}

extension ScheduledIteration {
    /// What is not in its work.
    mutating func code(_ coder: inout some ByteCoder, from start: Nanoseconds) throws(BatchingError) {
        var isTimed = timing != nil
        var known = timing ?? Timing(end: start)
        try coder.code(&known.duration)
        try coder.code(&isTimed)
        try coder.code(&known.end, from: start)
        if coder.has(version: 3) { try coder.code(&known.slowdown) }
        guard known.slowdown <= known.duration else {
            throw .corrupt("an iteration was slowed for longer than it took")
        }
        timing = isTimed ? known : nil
    }
}

extension Replica where Memory: ~Copyable {
    fileprivate var savedPolicyState: SavedPolicyState {
        SavedPolicyState(
            holdsUntilChange: policyRows.holdsUntilChange, waits: Int64(policyRows.waits),
            waitsUntil: policyRows.waitsUntil, hasFinished: finishingCount > 0 && !settings.isAsynchronous)
    }

    fileprivate mutating func savedMember(_ slot: Int) -> SavedMember {
        let member = members.elements[slot]
        var saved = SavedMember()
        saved.wasPreempted = member.wasPreempted
        saved.generated = generated(slot)
        saved.recent = recentTokens(slot)
        switch member.state {
        case .catchingUp:
            saved.kind = .catchingUp
            saved.computed = member.computed
            saved.chunk = member.chunk
        case .decoding: saved.kind = .decoding
        case .finishing: saved.kind = .finishing
        case .waiting, .held, .none: saved.kind = .preempted
        }
        return saved
    }
}
