// Requests come to an engine that runs on, get another length, and go.
extension LiveReplica where Memory: ~Copyable {
    /// Takes in requests, all or none. One that can never be served is rejected when it arrives.
    /// - Parameters:
    ///   - requests: where they have no times, they arrive now.
    ///   - ids: nil: each has the number of those submitted before it.
    mutating func submit(_ given: RequestColumns, ids: UnsafePointer<Int64>?) throws(BatchingError) {
        try check()
        let requests = prepared(given)
        let hashIDs = try checked(requests)
        // From here on columns may move, also if this fails on its way.
        defer { connect() }
        try rows.reserve(requests.count, hashIDs: hashIDs)
        try reservePositions(requests.count)
        let firstNumber = rows.submitted
        let kind = (rows.hashes.blockSize, rows.hashes.coversOutput)
        for index in 0..<requests.count {
            let id = ids?[index] ?? firstNumber + Int64(index)
            guard rows.row(of: id) == nil else {
                // Those before it go again, as if they had never come.
                for earlier in (0..<index).reversed() { rows.takeBack(ids?[earlier] ?? firstNumber + Int64(earlier)) }
                rows.setHashKind(kind.0, kind.1)
                throw .invalid(
                    ids == nil ? "the number of request \(index)" : "ids[\(index)]", id,
                    "must not be that of a request that is in flight")
            }
            _ = rows.add(requests, index, id: id, arrival: requests.arrivalTime?[index] ?? clock.seconds)
        }
        // Rows are used again only once their requests are gone, which until here none is.
        connect()
        for index in 0..<requests.count {
            if let row = rows.row(of: ids?[index] ?? firstNumber + Int64(index)) { enter(row) }
        }
    }

    /// Takes in one request of columns that have been checked, under an id that nobody has.
    /// - Returns: its row.
    mutating func submit(one index: Int, of given: RequestColumns) throws(BatchingError) -> Int {
        let requests = prepared(given)
        let hashIDs = requests.prefixHashes.map { Int($0.ends[index] - $0.begins[index]) } ?? 0
        try rows.reserve(1, hashIDs: hashIDs)
        try reservePositions(1)
        var id = Int64.min
        while rows.row(of: id) != nil { id += 1 }
        let row = rows.add(requests, index, id: id, arrival: requests.arrivalTime?[index] ?? clock.seconds)
        connect()
        enter(row)
        connect()
        return row
    }

    /// The columns of which something is made here: hash ids of blocks whose size is told, or none.
    private func prepared(_ given: RequestColumns) -> RequestColumns {
        guard configuration.cachesPrefixes, let hashes = given.prefixHashes else { return given.with(nil) }
        let blockSize = hashes.blockSize == 0 ? Int(configuration.blockSize) : hashes.blockSize
        return given.with(
            PrefixHashes(
                ids: hashes.ids, begins: hashes.begins, ends: hashes.ends, blockSize: blockSize,
                coversOutput: hashes.coversOutput))
    }

    /// Checks every element, as `submit` does.
    func check(_ given: RequestColumns) throws(BatchingError) {
        try check()
        _ = try checked(prepared(given))
    }

    /// Checks every element.
    /// - Returns: how many hash ids there are.
    private func checked(_ requests: RequestColumns) throws(BatchingError) -> Int {
        _ = try requests.survey()
        guard rows.count + requests.count <= RequestColumns.maximumCount else {
            throw .invalid(
                "requests.count", requests.count, "must be at most \(RequestColumns.maximumCount - rows.count)")
        }
        if let times = requests.arrivalTime {
            // As the caller is told it: a late clock has more digits than a double.
            let now = clock.seconds
            for index in 0..<requests.count where times[index] < now {
                throw .invalid(
                    "arrival_time", index, times[index],
                    "must not be before the clock of the engine, which is at \(now) seconds")
            }
        }
        guard let hashes = requests.prefixHashes else { return 0 }
        try hashes.check(count: requests.count)
        guard Int64(hashes.blockSize) % configuration.blockSize == 0 else {
            throw .invalid(
                "hash_block_size", hashes.blockSize,
                "must be a multiple of block_size, which is \(configuration.blockSize)")
        }
        if let blockSize = rows.hashes.blockSize {
            guard blockSize == hashes.blockSize, rows.hashes.coversOutput == hashes.coversOutput else {
                throw .invalid(
                    "hash_block_size", hashes.blockSize,
                    "must be \(blockSize), and hash_covers_output \(rows.hashes.coversOutput ? 1 : 0), as before")
            }
        }
        return requests.count == 0 ? 0 : Int(hashes.ends[requests.count - 1])
    }

    /// The first position that matters.
    var firstPosition: Int { replica.keepsPositions ? replica.waiting.firstFresh : replica.arrived }

    /// Makes room for so many more positions, first by closing the gap in front of them.
    private mutating func reservePositions(_ more: Int) throws(BatchingError) {
        if positions + more <= order.capacity { return }
        let gap = firstPosition
        if gap >= order.capacity / 2, gap > 0 {
            order.elements.update(from: order.elements + gap, count: positions - gap)
            positions -= gap
            replica.arrived -= gap
            replica.policyRows.taken = replica.arrived
            if replica.keepsPositions { replica.waiting.rebase(by: gap) }
        }
        try order.reserve(positions + more)
    }

    /// A request is entered in order of arrival, behind those that arrive at the same time.
    private mutating func enter(_ row: Int) {
        if replica.rejection(row) != nil { mayReject = true }
        let place = firstPosition(from: replica.arrived, after: rows.arrivalTime(row))
        (order.elements + place + 1).update(from: order.elements + place, count: positions - place)
        order.elements[place] = UInt32(truncatingIfNeeded: row)
        positions += 1
    }

    /// The first position whose request arrives after `time`.
    private func firstPosition(from start: Int, after time: Nanoseconds) -> Int {
        // Nearly always they come in order.
        if positions == start || rows.arrivalTime(Int(order.elements[positions - 1])) <= time { return positions }
        var (low, high) = (start, positions)
        while low < high {
            let middle = (low + high) / 2
            if rows.arrivalTime(Int(order.elements[middle])) <= time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// How many of those submitted have not arrived by now.
    var pending: Int { positions - firstPosition(from: replica.arrived, after: clock) }

    private func row(_ id: Int64) throws(BatchingError) -> Int {
        guard let row = rows.row(of: id) else { throw .invalid("request", id, "must be that of a request in flight") }
        return row
    }

    /// Takes in everyone who has arrived, but for those who can never be served.
    @inline(__always)
    mutating func takeArrivals() throws(BatchingError) {
        if mayReject || replica.policyRows.isUsed { try takeArrivalsOneByOne() } else { try replica.takeArrivals() }
    }

    private mutating func takeArrivalsOneByOne() throws(BatchingError) {
        while replica.nextArrival <= replica.now {
            let row = Int(order.elements[replica.arrived])
            guard let reason = replica.rejection(row) else {
                try replica.takeArrival()
                // At once, since it may leave again before the policy is asked.
                if replica.policyRows.isUsed { try replica.takeIntoPolicyRows() }
                continue
            }
            if replica.keepsPositions {
                // Those who wait close up: they are fewer than those to come.
                let first = replica.waiting.firstFresh
                (order.elements + first + 1).update(from: order.elements + first, count: replica.arrived - first)
                replica.waiting.rebase(by: -1)
            }
            replica.arrived += 1
            replica.policyRows.taken = replica.arrived
            replica.policyRows.noteChange()
            replica.noteNextArrival()
            let id = rows.id.elements[row]
            rows.remove(row)
            rejected += 1
            try events.append(.rejected, id, at: replica.now, tokens: reason.rawValue)
        }
    }

    // They go

    /// A request leaves: at once, or, if it runs, when the iteration under way is over.
    mutating func abort(_ id: Int64) throws(BatchingError) {
        try check()
        let row = try row(id)
        let slot = Int(rows.slot.elements[row])
        let toCome = positions - replica.arrived
        if slot >= 0, !isBetweenIterations, replica.members.elements[slot].state != .waiting || flight.isFlying {
            try leaveLater(Departure(id: id))
        } else {
            try leave(row, at: clock, isFinished: false)
        }
        // Who has not come yet is missed by nobody.
        if isStuck, positions - replica.arrived == toCome { unstick() }
    }

    /// Asynchronously: whether its last token has been scheduled, so that it will finish in any case.
    private func hasLastTokenOnItsWay(_ slot: Int) -> Bool {
        if slot < 0 { return false }
        if flight.finishes(slot) { return true }
        guard flight.isFollowed else { return false }
        for position in 0..<replica.finishingCount where Int(replica.finishing.elements[position]) == slot {
            return true
        }
        return false
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
        return decodes || flight.givesFirstToken(to: row, rows.rank.elements[row]) ? tokens - 1 : tokens
    }

    private mutating func leave(_ row: Int, at time: Nanoseconds, isFinished: Bool) throws(BatchingError) {
        let id = rows.id.elements[row]
        let slot = Int(rows.slot.elements[row])
        var tokens: Int32 = 0
        replica.removePolicyRow(row, slot: slot)
        if slot < 0 {
            removeUnserved(row)
        } else if isFinished {
            tokens = tokensLanded(row)
            try replica.endOutput(slot)
            replica.members.elements[slot].output = tokens
            try replica.finish(slot, at: time, iteration: replica.iteration)
        } else {
            tokens = tokensLanded(row)
            replica.withdraw(slot)
        }
        rows.remove(row)
        aborted += isFinished ? 0 : 1
        try events.append(isFinished ? .finished : .aborted, id, at: time, tokens: tokens)
    }

    /// Somebody who never ran leaves.
    private mutating func removeUnserved(_ row: Int) {
        replica.memory.forget(row)
        guard let place = position(of: row) else {
            if replica.policyRows.isUsed {
                replica.waiting.removeOne()
            } else {
                replica.waiting.removeFromHeap(row)
            }
            return
        }
        (order.elements + place).update(from: order.elements + place + 1, count: positions - place - 1)
        positions -= 1
        if place < replica.arrived {
            replica.arrived -= 1
            replica.waiting.removeFresh()
        }
        connect()
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

    /// Where among those who wait and never ran, by arrival, and those who have not arrived a request is; nil if it waits
    /// in a heap, or has run.
    private func position(of row: Int) -> Int? {
        // It costs no more than to close the gap that it leaves.
        for place in firstPosition..<max(positions, firstPosition)
        where order.elements[place] == UInt32(truncatingIfNeeded: row) {
            return place
        }
        return nil
    }
}

extension RequestColumns {
    /// The same with these hashes.
    fileprivate func with(_ prefixHashes: PrefixHashes?) -> RequestColumns {
        RequestColumns(
            count: count, promptLength: promptLength, outputLength: outputLength, arrivalTime: arrivalTime,
            priority: priority, tieBreak: tieBreak, prefixHashes: prefixHashes)
    }
}
