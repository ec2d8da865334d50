// Bytes become an engine that runs on. Every number is checked: the checksum tells of accidents only.
extension LiveReplica where Memory: ~Copyable {
    /// What was written; `self` is new.
    mutating func read(_ reader: inout ByteReader) throws(BatchingError) {
        var counters = SavedCounters()
        try counters.code(&reader)
        try takeOver(counters)
        if run.replica.isAttributed { try run.replica.observer.ledger.code(&reader) }
        try readRows(&reader, count: Int(counters.requests))
        connect()
        let members = Int(counters.running + counters.preempted)
        for row in 0..<members {
            try Work.row(row)
            try readMember(&reader, row, isRunning: row < Int(counters.running), isUnderWay: counters.isUnderWay)
        }
        if run.replica.isAttributed {
            for place in 0..<Int(counters.waiting) {
                try Work.row(place)
                try run.replica.observer.ledger.code(&reader, waiting: members &+ place)
            }
        }
        try enqueue(counters)
        if run.replica.policyRows.isUsed { try readPolicyRows(&reader, counters) }
        try readDepartures(&reader)
        run.firstTokenCount = try readCount(&reader)
        try run.firstTokens.reserve(run.firstTokenCount)
        try readFirstTokens(&reader, run.firstTokens.elements, run.firstTokenCount)
        try readFlight(&reader)
        let latest = run.replica.settings.isAsynchronous ? max(run.replica.now, run.flight.deviceEnd) : run.replica.now
        guard run.replica.observer.ledger.clock <= latest else { throw .corrupt("time is attributed that is to come") }
        if counters.isUnderWay { run.underWay = try readUnderWay(&reader) }
        try readMemory(&reader, running: Int(counters.running))
        try readEvents(&reader)
    }

    private mutating func takeOver(_ counters: SavedCounters) throws(BatchingError) {
        guard counters.running <= run.replica.settings.maxNumSeqs else { throw .corrupt("there are too many requests") }
        // None of them is above 2^62, so that this is 0 only if it adds up.
        let missing = counters.submitted &- counters.requests &- counters.finished &- counters.rejected
        guard missing &- counters.aborted == 0 else { throw .corrupt("requests are missing") }
        guard counters.hashBlockSize == 0 || Memory.findsPrefixes,
            PrefixHashes.fits(blockSize: counters.hashBlockSize, kvBlockSize: configuration.blockSize)
        else { throw .corrupt("the hash ids are impossible") }
        run.clock = counters.clock
        run.isStuck = counters.isStuck
        run.replica.totals.rejected = Int(counters.rejected)
        run.replica.totals.aborted = Int(counters.aborted)
        run.replica.now = counters.now
        run.replica.iteration = counters.iteration
        run.replica.batchOutput = counters.batchOutput
        run.replica.totals.finished = Int(counters.finished)
        run.replica.totals.preemptions = counters.preemptions
        run.replica.totals.prefills = counters.prefills
        run.replica.totals.decodeTokens = counters.decodeTokens
        run.replica.totals.futilePreemptions = Int(counters.futilePreemptions)
        run.replica.totals.tokensBeforeThem = counters.tokensBeforeThem
        rows.setSubmitted(counters.submitted)
        rows.setHashKind(
            counters.hashBlockSize == 0 ? nil : Int(counters.hashBlockSize), counters.hashesCoverOutput)
    }

    private mutating func readRows(_ reader: inout ByteReader, count: Int) throws(BatchingError) {
        guard count <= reader.left / (LiveRow.size + 8) else { throw .corrupt("requests are missing") }
        try rows.reserve(count, hashIDs: 0)
        try order.reserve(count)
        let ranks = try ScratchBuffer<Int64>(count: count, repeating: 0)
        for position in 0..<count {
            try Work.row(position)
            var request = LiveRow()
            try request.code(&reader)
            guard rows.row(of: request.id) == nil, request.rank < rows.submitted else {
                throw .corrupt("two requests have the same id, or one has a wrong number")
            }
            ranks.elements[position] = request.rank
            // The rows are new, so that each has the number of its place.
            let row = rows.add(request)
            try rows.readHashes(&reader, row: row)
        }
        try Heap.sort(ranks.elements, count: count, step: Work.row, by: <)
        for position in 1..<max(count, 1) where ranks.elements[position - 1] == ranks.elements[position] {
            throw .corrupt("two requests have the same number")
        }
    }

    private mutating func readMember(
        _ reader: inout ByteReader, _ row: Int, isRunning: Bool, isUnderWay: Bool
    ) throws(BatchingError) {
        var saved = SavedMember()
        try saved.code(&reader)
        guard canBeServed(row), isRunning == (saved.kind != .preempted),
            isUnderWay || (saved.kind != .joining && saved.chunk == 0),
            run.replica.isPossible(
                saved, prompt: run.replica.prompt(row), output: run.replica.output(row),
                isUnforeseen: run.replica.settings.isAsynchronous && run.replica.ending(row) == .unforeseen)
        else { throw .corrupt("a request has tokens that it cannot have") }
        let slot = try run.replica.takeSlot()
        if run.replica.isAttributed { try readAttributedTime(&reader, saved, row, slot) }
        try run.replica.enlist(saved, row, slot)
        rows.set(slot: Int32(truncatingIfNeeded: slot), of: row)
    }

    private mutating func readAttributedTime(
        _ reader: inout ByteReader, _ saved: SavedMember, _ row: Int, _ slot: Int
    ) throws(BatchingError) {
        run.replica.observer.ledger.clear(slot, row)
        try run.replica.observer.ledger.code(&reader, slot: slot, row)
        let hasAll = Int64(saved.generated) >= run.replica.output(row)
        let isHeld = hasAll && run.replica.settings.padsBatch
        guard run.replica.observer.ledger.isPossible(slot, isComplete: hasAll && !isHeld, isHeld: isHeld) else {
            throw .corrupt("the time of a request is impossible")
        }
        if saved.kind == .joining, run.replica.observer.ledger.phase(slot) != .decode {
            try run.replica.observer.ledger.join(slot, decodesAtOnce: false)
        }
    }

    /// Whether a request can have come, and be served.
    private mutating func canBeServed(_ row: Int) -> Bool {
        rows.arrivalTime(row) <= run.replica.now && run.replica.rejection(row) == nil
    }

    /// Requests that wait, and requests that have not arrived, take their places.
    private mutating func enqueue(_ counters: SavedCounters) throws(BatchingError) {
        let (running, preempted, waiting) = (Int(counters.running), Int(counters.preempted), Int(counters.waiting))
        // The one put back last is the first.
        for row in (running..<running + preempted).reversed() {
            try Work.row(row)
            try run.replica.putBack(Int(rows.slot.elements[row]))
        }
        let first = running + preempted
        for row in first..<Int(counters.requests) {
            try Work.row(row)
            let isWaiting = row < first + waiting
            if isWaiting {
                guard canBeServed(row) else { throw .corrupt("a request that cannot be served waits") }
                try run.replica.waiting.append(row)
            } else if run.replica.rejection(row) != nil {
                run.replica.mayReject = true
            }
            if isWaiting, !run.replica.keepsPositions { continue }
            if positions > 0, rows.arrivalTime(row) < rows.arrivalTime(Int(order.elements[positions - 1])) {
                throw .corrupt("requests are not in order of arrival")
            }
            order.elements[positions] = UInt32(truncatingIfNeeded: row)
            rows.set(position: positions, of: row)
            positions += 1
            if isWaiting { run.replica.arrived += 1 }
        }
        connect()
    }

    private mutating func readPolicyRows(
        _ reader: inout ByteReader, _ counters: SavedCounters
    ) throws(BatchingError) {
        var saved = SavedPolicyState()
        try saved.code(&reader)
        let (running, members) = (Int(counters.running), Int(counters.running + counters.preempted))
        var decoding = 0
        for row in 0..<members + Int(counters.waiting) {
            try Work.row(row)
            try run.replica.appendPolicyRow(row)
            if row < members {
                run.replica.setPolicyMember(Int(rows.slot.elements[row]), isRunning: row < running, &decoding)
            }
        }
        run.replica.policyRows.iteration = run.replica.iteration
        run.replica.policyRows.holdsUntilChange = saved.holdsUntilChange
        run.replica.policyRows.waits = Int(saved.waits)
        run.replica.policyRows.waitsUntil = saved.waitsUntil
        // Which it was does not matter: their rows are gone.
        try run.replica.finishing.reserve(1)
        run.replica.finishingCount = saved.hasFinished ? 1 : 0
    }

    private mutating func readDepartures(_ reader: inout ByteReader) throws(BatchingError) {
        let count = Int(try reader.integer(0...Int64(reader.left / 8)))
        try run.leaving.reserve(count)
        for position in 0..<count {
            let row = try readRow(&reader)
            var output: Int32 = 0
            try reader.code(&output, from: 0, to: .max)
            run.leaving.elements[position] = Departure(
                request: UInt32(truncatingIfNeeded: row), rank: rows.rank.elements[row], output: output)
        }
        run.leavingCount = count
    }

    private func readRow(_ reader: inout ByteReader) throws(BatchingError) -> Int {
        var row: Int32 = 0
        try reader.code(&row, from: 0, to: Int32(truncatingIfNeeded: rows.count - 1))
        return Int(row)
    }

    /// How many rows follow.
    private func readCount(_ reader: inout ByteReader) throws(BatchingError) -> Int {
        Int(try reader.integer(0...Int64(reader.left / 4)))
    }

    private mutating func readFirstTokens(
        _ reader: inout ByteReader, _ tokens: UnsafeMutablePointer<FirstToken>, _ count: Int
    ) throws(BatchingError) {
        for position in 0..<count {
            let row = try readRow(&reader)
            tokens[position] = FirstToken(
                request: UInt32(truncatingIfNeeded: row), rank: rows.rank.elements[row])
        }
    }

    private mutating func readFlight(_ reader: inout ByteReader) throws(BatchingError) {
        var saved = SavedFlight()
        try saved.code(&reader)
        guard run.replica.settings.isAsynchronous || !saved.isFlying, saved.isFlying || !saved.isFollowed else {
            throw .corrupt("an impossible batch is in flight")
        }
        // The one before the iteration that is next, or, if another follows, the one before that.
        guard !saved.isFlying || saved.number == run.replica.iteration &- (saved.isFollowed ? 2 : 1) else {
            throw .corrupt("an impossible batch is in flight")
        }
        guard !saved.isAwaited || (saved.isFlying && !saved.isFollowed && run.replica.settings.asksCaller) else {
            throw .corrupt("an impossible batch is awaited")
        }
        run.flight.isFlying = saved.isFlying
        run.flight.isAwaited = saved.isAwaited
        run.flight.isFollowed = saved.isFollowed
        run.flight.number = saved.number
        run.flight.end = saved.end
        run.flight.deviceEnd = saved.deviceEnd
        run.flight.futileBatches = Int(saved.futileBatches)
        let marks = try ScratchBuffer(count: run.replica.slotCount, repeating: false)
        var found = 0
        if saved.isFlying {
            run.flight.finishingCount = try readCount(&reader)
            try run.flight.finishing.reserve(run.flight.finishingCount)
            try readFinishing(
                &reader, run.flight.finishing.elements, run.flight.finishingCount, marks.elements,
                isNewest: !saved.isFollowed)
            found += run.flight.finishingCount
            run.flight.firstTokenCount = try readCount(&reader)
            try run.flight.firstTokens.reserve(run.flight.firstTokenCount)
            try readFirstTokens(&reader, run.flight.firstTokens.elements, run.flight.firstTokenCount)
        }
        if saved.isFollowed {
            run.replica.finishingCount = try readCount(&reader)
            try run.replica.finishing.reserve(run.replica.finishingCount)
            try readFinishing(
                &reader, run.replica.finishing.elements, run.replica.finishingCount, marks.elements, isNewest: true)
            found += run.replica.finishingCount
        }
        guard found == run.replica.completeMembers() else {
            throw .corrupt("a request has all its tokens, and is still there")
        }
        guard saved.isFlying, reader.version >= 3 else { return }
        try run.flight.iteration.code(&reader, number: saved.number)
        if saved.isFollowed { try run.flight.next.code(&reader, number: saved.number &+ 1) }
    }

    /// The slots of members that have all their tokens, each once.
    /// - Parameter isNewest: whether theirs is the batch that was scheduled last: none gave them a token beyond their last.
    private mutating func readFinishing(
        _ reader: inout ByteReader, _ slots: UnsafeMutablePointer<Int32>, _ count: Int,
        _ marks: UnsafeMutablePointer<Bool>, isNewest: Bool
    ) throws(BatchingError) {
        for position in 0..<count {
            let slot = Int(rows.slot.elements[try readRow(&reader)])
            guard slot >= 0, run.replica.isComplete(slot), !marks[slot],
                !isNewest || run.replica.generated(slot) <= run.replica.members.elements[slot].output
            else {
                throw .corrupt("a request that cannot finish yet finishes")
            }
            marks[slot] = true
            slots[position] = Int32(truncatingIfNeeded: slot)
        }
    }

    private func readUnderWay(_ reader: inout ByteReader) throws(BatchingError) -> ScheduledIteration {
        var scheduled = ScheduledIteration()
        scheduled.work.number = run.replica.iteration
        scheduled.work.time = run.replica.now
        scheduled.work.running = run.replica.runningCount
        try scheduled.work.code(&reader)
        try scheduled.code(&reader, from: run.replica.now)
        return scheduled
    }

    private mutating func readMemory(_ reader: inout ByteReader, running: Int) throws(BatchingError) {
        // The running are in the first slots.
        let held = try ScratchBuffer<Int64>(count: running, repeating: 0)
        for slot in 0..<running { held.elements[slot] = run.replica.heldTokens(slot, isScheduled: run.underWay != nil) }
        try run.replica.memory.read(&reader, run.replica.members.elements, running: running, held: held.elements)
    }

    private mutating func readEvents(_ reader: inout ByteReader) throws(BatchingError) {
        let count = try reader.integer(0...Int64(reader.left / RunEvent.size))
        var event = RunEvent()
        for position in 0..<count {
            try Work.row(Int(position))
            try event.code(&reader, from: event.time, to: run.clock)
            var parts: RequestParts?
            if run.replica.observer.events.keepsParts, event.isEnd {
                var told = RequestParts()
                try told.code(&reader)
                guard told.arePossible else { throw .corrupt("the parts of a request are no times") }
                parts = told
            }
            try run.replica.observer.events.push(event, parts)
        }
    }
}
