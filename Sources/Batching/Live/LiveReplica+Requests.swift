// Requests come to an engine that runs on.
extension LiveReplica where Memory: ~Copyable {
    /// Takes in requests, all or none. One that can never be served is rejected when it arrives.
    /// - Parameters:
    ///   - requests: where they have no times, they arrive now.
    ///   - ids: nil: each has the number of those submitted before it.
    mutating func submit(_ given: RequestColumns, ids: UnsafePointer<Int64>?) throws(BatchingError) {
        try check()
        let requests = prepared(given)
        let (hashIDs, isInOrder) = try checked(requests)
        let sorted = try LiveReplica.arrivalOrder(requests, isInOrder)
        // From here on columns may move, also if this fails on its way.
        defer { connect() }
        try rows.reserve(requests.count, hashIDs: hashIDs)
        try reservePositions(requests.count)
        try newcomers.reserve(requests.count)
        let added = newcomers.elements
        let firstNumber = rows.submitted
        let kind = (rows.hashes.blockSize, rows.hashes.coversOutput)
        for index in 0..<requests.count {
            let id = ids?[index] ?? firstNumber + Int64(index)
            do throws(BatchingError) {
                try Work.row(index)
                guard rows.row(of: id) == nil else {
                    throw .invalid(
                        ids == nil ? "the number of request \(index)" : "ids[\(index)]", id,
                        "must not be the id of a request in flight")
                }
            } catch {
                // Those before it go again, as if they had never come.
                for earlier in (0..<index).reversed() { rows.takeBack(ids?[earlier] ?? firstNumber + Int64(earlier)) }
                rows.setHashKind(kind.0, kind.1)
                throw error
            }
            let row = rows.add(requests, index, id: id, arrival: requests.arrivalTime?[index] ?? run.clock.seconds)
            added[index] = UInt32(truncatingIfNeeded: row)
        }
        // Rows are used again only once their requests are gone, which until here none is.
        connect()
        if let sorted {
            enter(requests.count) { Int(added[sorted.order[$0]]) }
        } else {
            enter(requests.count) { Int(added[$0]) }
        }
    }

    /// In which order requests arrive that come at once; nil: in that in which they are given.
    private static func arrivalOrder(
        _ requests: RequestColumns, _ isInOrder: Bool
    ) throws(BatchingError) -> TimeOrder? {
        guard !isInOrder, let times = requests.arrivalTime else { return nil }
        return try TimeOrder(sorting: times, count: requests.count)
    }

    /// Takes in one request of columns that have been checked, under an id that no other has.
    /// - Returns: its row.
    /// - Parameter turn: see below.
    mutating func submit(
        one index: Int, of given: RequestColumns, turn: Int64? = nil
    ) throws(BatchingError) -> Int {
        var id = Int64.min
        while rows.row(of: id) != nil { id &+= 1 }
        let arrival = given.arrivalTime?[index] ?? run.clock.seconds
        return try submit(one: index, of: given, id: id, arrival: arrival, turn: turn)
    }

    /// The same under an id that no other has, at a time of arrival, in seconds, that is not before the clock.
    /// - Parameter turn: of those that are equal in all else, which is first; it is at most 2^54. nil: as submitted.
    mutating func submit(
        one index: Int, of given: RequestColumns, id: Int64, arrival: Double, turn: Int64? = nil
    ) throws(BatchingError) -> Int {
        let requests = prepared(given)
        if isConnected, rows.hasRoom, positions < order.capacity {
            // Nothing moves.
            let row = rows.add(requests, index, id: id, arrival: arrival, turn: turn)
            enter(1) { _ in row }
            run.replica.requests.count = positions
            run.replica.noteNextArrival()
            passPending()
            return row
        }
        // Until the replica is told where the columns are: also if this fails on its way.
        isConnected = false
        let hashIDs = requests.prefixHashes.map { Int($0.ends[index] &- $0.begins[index]) } ?? 0
        try rows.reserve(1, hashIDs: hashIDs)
        try reservePositions(1)
        let row = rows.add(requests, index, id: id, arrival: arrival, turn: turn)
        connect()
        enter(1) { _ in row }
        connect()
        return row
    }

    /// The columns of which something is made here: hash ids of blocks whose size is told, or none.
    @inline(__always)
    private func prepared(_ given: RequestColumns) -> RequestColumns {
        guard configuration.cachesPrefixes, let hashes = given.prefixHashes else { return given.with(nil) }
        let blockSize = hashes.blockSize == 0 ? Int(configuration.blockSize) : hashes.blockSize
        return given.with(
            PrefixHashes(
                ids: hashes.ids, begins: hashes.begins, ends: hashes.ends, blockSize: blockSize,
                coversOutput: hashes.coversOutput))
    }

    /// Checks every element, as `submit` does.
    mutating func check(_ given: RequestColumns) throws(BatchingError) {
        try check()
        _ = try checked(prepared(given))
    }

    /// Checks every element.
    /// - Returns: how many hash ids there are, and whether they are in order of arrival.
    private mutating func checked(_ requests: RequestColumns) throws(BatchingError) -> (hashIDs: Int, isInOrder: Bool) {
        let isInOrder = try requests.survey().isInOrderOfArrival
        guard rows.count + requests.count <= RequestColumns.maximumCount else {
            throw .invalid(
                "requests.count", requests.count, "must be at most \(RequestColumns.maximumCount - rows.count)")
        }
        guard rows.submitted <= SavedCounters.most &- Int64(requests.count) else {
            throw BatchingError(
                .overflow, "requests.count is \(requests.count): there would be more than 2^62 requests in all")
        }
        if let times = requests.arrivalTime {
            // As the caller is told it: a late clock has more digits than a double.
            let now = run.clock.seconds
            for index in 0..<requests.count {
                try Work.row(index)
                guard times[index] < now else { continue }
                throw .invalid(
                    "arrival_time", index, times[index],
                    "must not be before the clock of the engine, which is at \(now) seconds")
            }
        }
        try requests.checkEnds()
        func check(_ isGiven: Bool, _ name: StaticString) throws(BatchingError) {
            guard isGiven else { return }
            throw BatchingError(
                .invalidArgument,
                "\(name) is given: must be left out for a live engine, whose host sends each turn when it arrives")
        }
        try check(requests.session != nil, "session")
        try check(requests.delay != nil, "delay")
        if let times = requests.abortTime {
            for index in 0..<requests.count where !times[index].isNaN {
                throw .invalid(
                    "abort_time", index, times[index], "must be NaN: in a live engine abort says which request leaves")
            }
        }
        guard let hashes = requests.prefixHashes else { return (0, isInOrder) }
        try hashes.check(count: requests.count)
        try PrefixHashes.check(blockSize: Int64(hashes.blockSize), kvBlockSize: configuration.blockSize)
        if let blockSize = rows.hashes.blockSize {
            guard blockSize == hashes.blockSize, rows.hashes.coversOutput == hashes.coversOutput else {
                throw .invalid(
                    "hash_block_size", hashes.blockSize,
                    "must be \(blockSize), and hash_covers_output \(rows.hashes.coversOutput ? 1 : 0), as before")
            }
        }
        return (requests.count == 0 ? 0 : Int(hashes.ends[requests.count - 1]), isInOrder)
    }

    /// The first position that matters.
    var firstPosition: Int { run.replica.keepsPositions ? run.replica.waiting.firstFresh : run.replica.arrived }

    /// Makes room for so many more positions, first by closing the gaps.
    private mutating func reservePositions(_ more: Int) throws(BatchingError) {
        if positions + more <= order.capacity { return }
        if firstPosition + vacatedCount >= order.capacity / 2 { packOrder() }
        try order.reserve(positions + more)
    }

    /// No row is in use.
    mutating func forgetOrder() {
        positions = firstPosition
        vacatedCount = 0
        packOrder()
    }

    /// Closes the gap in front of those that matter, and those between them.
    /// - Complexity: O(positions).
    private mutating func packOrder() {
        let first = firstPosition
        var (packed, waiting, passed) = (0, 0, 0)
        for position in first..<max(positions, first) {
            let row = Int(order.elements[position])
            if rows.rank.elements[row] < 0 { continue }
            if position < run.replica.arrived { waiting += 1 }
            if position < firstPending { passed += 1 }
            order.elements[packed] = UInt32(truncatingIfNeeded: row)
            rows.set(position: packed, of: row)
            packed += 1
        }
        positions = packed
        (firstPending, gapsPending) = (passed, 0)
        run.replica.arrived = waiting
        run.replica.gapsToCome = 0
        run.replica.policyRows.taken = waiting
        if run.replica.keepsPositions { run.replica.waiting.rebase(by: first) }
        run.replica.forgetAbsence()
        for place in 0..<vacatedCount { rows.release(Int(vacated.elements[place])) }
        vacatedCount = 0
        run.replica.hasGaps = false
    }

    /// A request leaves whose place in the order of arrival stays until that is packed.
    mutating func vacate(_ row: Int) throws(BatchingError) {
        try vacated.reserve(vacatedCount + 1)
        vacated.elements[vacatedCount] = UInt32(truncatingIfNeeded: row)
        vacatedCount += 1
        rows.vacate(row)
        run.replica.hasGaps = true
        let position = Int(rows.position.elements[row])
        if position >= run.replica.arrived { run.replica.gapsToCome += 1 }
        if position >= firstPending { gapsPending += 1 }
        rows.set(position: gap(at: position), of: row)
        if vacatedCount > 64, vacatedCount > rows.count { packOrder() }
    }

    /// Requests, in order of arrival, take their places among those that are to come, each behind those that arrive at the
    /// same time.
    /// - Complexity: O(`count`), and O(1) for each that arrives after the first of them.
    private mutating func enter(_ count: Int, _ row: (Int) -> Int) {
        var (position, next) = (positions + count, count)
        var last = positions
        while next > 0 {
            let newcomer = row(next - 1)
            let arrival = rows.arrivalTime(newcomer)
            while last > run.replica.arrived, rows.arrivalTime(Int(order.elements[last - 1])) > arrival {
                last -= 1
                position -= 1
                move(Int(order.elements[last]), to: position)
            }
            position -= 1
            next -= 1
            move(newcomer, to: position)
            if arrival <= run.clock { firstPending += 1 }
            if run.replica.rejection(newcomer) != nil { run.replica.mayReject = true }
        }
        positions += count
    }

    private mutating func move(_ row: Int, to position: Int) {
        order.elements[position] = UInt32(truncatingIfNeeded: row)
        rows.set(position: rows.rank.elements[row] < 0 ? gap(at: position) : position, of: row)
    }

    /// What one that has left has as its position, as long as that is kept.
    private func gap(at position: Int) -> Int { -1 - position }

    /// Where a request is among those that wait and never ran, by arrival, and those that were not taken in; nil if it
    /// waits in a heap, or has run.
    func position(of row: Int) -> Int? {
        let position = Int(rows.position.elements[row])
        guard position >= firstPosition, position < positions, Int(order.elements[position]) == row else { return nil }
        return position
    }

    /// How many of those submitted have not arrived by now.
    var pending: Int { positions - firstPending - gapsPending }

    /// Requests that have arrived by now, and gaps that have been passed over, are pending no longer.
    mutating func passPending() {
        while firstPending < positions {
            let row = Int(order.elements[firstPending])
            guard firstPending < run.replica.arrived || rows.arrivalTime(row) <= run.clock else { break }
            // One that was served since has left, too, but no gap.
            if Int(rows.position.elements[row]) == gap(at: firstPending) { gapsPending -= 1 }
            firstPending += 1
        }
    }
}

extension RequestColumns {
    /// The same with these hashes.
    func with(_ prefixHashes: PrefixHashes?) -> RequestColumns {
        var columns = self
        columns.prefixHashes = prefixHashes
        return columns
    }
}
