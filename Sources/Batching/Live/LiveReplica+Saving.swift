// An engine that runs on becomes bytes. What follows from other things is not among them: it is put together again as it
// came about. So, whatever bytes are read, if each number is in its range they make a state that an engine can be in.
extension LiveReplica where Memory: ~Copyable {
    mutating func write(to writer: inout ByteWriter) throws(BatchingError) {
        if replica.policyRows.isUsed { try replica.updatePolicyRows() }
        let roll = try LiveRoll.of(self)
        var counters = counters(roll)
        try counters.code(&writer)
        for place in 0..<roll.count {
            try Work.row(place)
            var row = rows[roll.row(at: place)]
            try row.code(&writer)
            rows.hashes.write(row: roll.row(at: place), to: &writer)
        }
        var decoding = 0
        for place in 0..<roll.running + roll.preempted {
            try Work.row(place)
            var member = replica.savedMember(slot(roll, place))
            if member.kind == .decoding {
                // Those admitted in the iteration under way come last, and are not counted yet.
                if decoding >= replica.decoding { member.kind = .joining }
                decoding += 1
            }
            try member.code(&writer)
        }
        if replica.policyRows.isUsed {
            var policy = replica.savedPolicyState
            try policy.code(&writer)
        }
        writeDepartures(to: &writer, roll)
        writeFirstTokens(firstTokens.elements, firstTokenCount, to: &writer, roll)
        try writeFlight(to: &writer, roll)
        if var underWay {
            try underWay.work.code(&writer)
            try underWay.code(&writer, from: replica.now)
        }
        let slots = rows.slot.elements
        try replica.memory.write(to: &writer, members: roll.running) { Int(slots[roll.row(at: $0)]) }
        writer.write(Int64(events.count))
        for position in 0..<events.count {
            try Work.row(position)
            var event = events[position]
            try event.code(&writer, from: .zero, to: clock)
        }
    }

    private func slot(_ roll: borrowing LiveRoll, _ place: Int) -> Int { Int(rows.slot.elements[roll.row(at: place)]) }

    private func counters(_ roll: borrowing LiveRoll) -> SavedCounters {
        SavedCounters(
            clock: clock, now: replica.now, iteration: replica.iteration, submitted: rows.submitted,
            rejected: rejected, aborted: aborted, finished: Int64(replica.totals.finished),
            preemptions: replica.totals.preemptions, prefills: replica.totals.prefills,
            decodeTokens: replica.totals.decodeTokens, futilePreemptions: Int64(replica.totals.futilePreemptions),
            tokensBeforeThem: replica.totals.tokensBeforeThem, batchOutput: replica.batchOutput, isStuck: isStuck,
            hashBlockSize: Int64(rows.hashes.blockSize ?? 0), hashesCoverOutput: rows.hashes.coversOutput,
            running: Int64(roll.running), preempted: Int64(roll.preempted), waiting: Int64(roll.waiting),
            pending: Int64(roll.pending), isUnderWay: underWay != nil)
    }

    /// Those who leave; who is gone already is not among them.
    private func writeDepartures(to writer: inout ByteWriter, _ roll: borrowing LiveRoll) {
        var count: Int64 = 0
        for position in 0..<leavingCount where rows.row(of: leaving.elements[position].id) != nil { count += 1 }
        writer.write(count)
        for position in 0..<leavingCount {
            let departure = leaving.elements[position]
            guard let row = rows.row(of: departure.id) else { continue }
            writer.write(roll.place(ofRow: row))
            writer.write(departure.output)
        }
    }

    /// Those who are still there.
    private func writeFirstTokens(
        _ firstTokens: UnsafePointer<LiveFirstToken>, _ tokens: Int, to writer: inout ByteWriter,
        _ roll: borrowing LiveRoll
    ) {
        var count: Int64 = 0
        for position in 0..<tokens where isThere(firstTokens[position]) { count += 1 }
        writer.write(count)
        for position in 0..<tokens where isThere(firstTokens[position]) {
            writer.write(roll.place(ofRow: Int(firstTokens[position].row)))
        }
    }

    /// Whether it has not gone since.
    func isThere(_ first: LiveFirstToken) -> Bool { rows.rank.elements[Int(first.row)] == first.rank }

    private func writeFlight(to writer: inout ByteWriter, _ roll: borrowing LiveRoll) throws(BatchingError) {
        var saved = SavedFlight(
            isFlying: flight.isFlying, isFollowed: flight.isFollowed, number: flight.number, end: flight.end,
            deviceEnd: flight.deviceEnd, futileBatches: Int64(flight.futileBatches))
        try saved.code(&writer)
        guard flight.isFlying else { return }
        writeFinishing(flight.finishing.elements, flight.finishingCount, to: &writer, roll)
        writeFirstTokens(flight.firstTokens.elements, flight.firstTokenCount, to: &writer, roll)
        if flight.isFollowed {
            writeFinishing(replica.finishing.elements, replica.finishingCount, to: &writer, roll)
        }
    }

    private func writeFinishing(
        _ slots: UnsafePointer<Int32>, _ count: Int, to writer: inout ByteWriter, _ roll: borrowing LiveRoll
    ) {
        writer.write(Int64(count))
        for position in 0..<count {
            writer.write(roll.place(ofRow: Int(replica.members.elements[Int(slots[position])].request)))
        }
    }
}

extension LiveIteration {
    /// What is not in its work.
    mutating func code(_ coder: inout some ByteCoder, from start: Nanoseconds) throws(BatchingError) {
        try coder.code(&duration)
        var isTimed = end != nil
        var time = end ?? start
        try coder.code(&isTimed)
        try coder.code(&time, from: start)
        end = isTimed ? time : nil
    }
}

extension Replica where Memory: ~Copyable {
    fileprivate var savedPolicyState: SavedPolicyState {
        SavedPolicyState(
            holdsUntilChange: policyRows.holdsUntilChange, waits: Int64(policyRows.waits),
            waitsUntil: policyRows.waitsUntil, hasFinished: finishingCount > 0)
    }

    fileprivate func savedMember(_ slot: Int) -> SavedMember {
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
        case .waiting, .none: saved.kind = .preempted
        }
        return saved
    }
}
