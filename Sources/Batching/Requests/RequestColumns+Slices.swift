/// Some requests of a trace, or the same at another pace. No slice parts the turns of a session. All arithmetic is of doubles,
/// as written here.
extension RequestColumns {
    /// The requests that arrive in `t0`..<`t1`, moved so that `t0` becomes 0: arrival - t0, and abort - t0.
    ///
    /// A session is in the slice if its first turn is, with all of its turns. What earlier requests would have left in a
    /// prefix cache is not there.
    /// - Parameters:
    ///   - t0: seconds, in 0...9223372036.
    ///   - t1: seconds, at least `t0`; infinity: to the end.
    /// - Complexity: O(count), plus the hash ids.
    public func between(_ t0: Double, _ t1: Double) throws(BatchingError) -> OwnedRequestColumns {
        guard Nanoseconds.holds(t0) else { throw .invalid("t0", t0, Nanoseconds.requirement) }
        guard t1 >= t0 else { throw .invalid("t1", t1, "must be at least t0, which is \(t0)") }
        try checkSliced()
        let sessions = try SessionNumbers(self)
        let slice = try only { request in
            let start = seconds(sessions.firstTurn(of: sessions.number(of: request)))
            return start >= t0 && start < t1
        }
        for row in 0..<slice.count {
            try Work.row(row)
            slice.arrivalTime.elements?[row] -= t0
            slice.abortTime.elements?[row] -= t0
        }
        return slice
    }

    /// The same requests in the same pattern, but so many a second.
    ///
    /// The rate that they have is n / (last - first), of n sessions (requests without a session are one each) and the
    /// arrivals of their first turns. With scale = (n / (last - first)) / `rate` a first turn arrives at
    /// first + (arrival - first) x scale. A later turn comes as long after its first turn as before; so do delays stay,
    /// and the time from the arrival to the abort.
    /// - Parameter rate: sessions a second, above 0 and finite.
    /// - Complexity: O(count), plus the hash ids.
    public func scaledToRate(_ rate: Double) throws(BatchingError) -> OwnedRequestColumns {
        guard rate > 0, rate.isFinite else { throw .invalid("rate", rate, "must be a finite number above 0") }
        try checkSliced()
        let sessions = try SessionNumbers(self)
        let (first, last) = try startSpan(sessions)
        guard last > first else {
            throw .invalid("rate", rate, "the requests have no rate that can be changed, since all arrive at once")
        }
        let scale = Double(sessions.count) / (last - first) / rate
        let scaled = try only { _ in true }
        for row in 0..<count {
            try Work.row(row)
            let start = seconds(sessions.firstTurn(of: sessions.number(of: row)))
            var arrival = first + (start - first) * scale
            if session != nil { arrival += seconds(row) - start }
            try RequestColumns.checkInTime(arrival, row, "rate", rate)
            scaled.arrivalTime.elements?[row] = arrival
            if let abortTime { scaled.abortTime.elements?[row] = arrival + (abortTime[row] - seconds(row)) }
        }
        return scaled
    }

    /// The same requests `n` times, one copy after the other. Copy k, from 0, arrives k x `period` later.
    ///
    /// Each copy has sessions of its own, and shares no hash ids with others: ids become their rank among those that
    /// differ, m of them, plus k x m.
    /// - Parameters:
    ///   - n: at least 1, so that there are at most 2,000,000,000 requests.
    ///   - period: seconds, in 0...9223372036. nil: a copy begins one mean gap after the last arrival of the copy before:
    ///     (last - first) + (last - first) / (n - 1), of n sessions and the arrivals of their first turns; 0 of one.
    ///   - keepsHashIds: whether the hash ids are the same in each copy.
    /// - Complexity: O(n x count), plus the hash ids; numbering m ids takes O(m log m).
    public func repeated(
        _ n: Int, period: Double? = nil, keepsHashIds: Bool = false
    ) throws(BatchingError) -> OwnedRequestColumns {
        try checkSliced()
        let most = RequestColumns.maximumCount / max(count, 1)
        guard n >= 1, n <= most else { throw .invalid("n", n, "must be between 1 and \(most)") }
        let step: Double
        if let period { step = period } else { step = try meanPeriod() }
        guard Nanoseconds.holds(step) else { throw .invalid("period", step, Nanoseconds.requirement) }
        let hashes = try repeatedHashes(n, areKept: keepsHashIds)
        let copies = try OwnedRequestColumns(
            count: count &* n, like: self, hashes, hasArrivals: arrivalTime != nil || step > 0)
        let ids = try RankedIds(count: session == nil ? 0 : count) { session?[$0] ?? 0 }
        for copy in 0..<(count > 0 ? n : 0) {
            let later = Double(copy) * step
            for index in 0..<count {
                try Work.row(index)
                let row = copy &* count &+ index
                copies.put(self, index, at: row)
                if let arrivals = copies.arrivalTime.elements {
                    arrivals[row] = seconds(index) + later
                    try RequestColumns.checkInTime(arrivals[row], row, "n", Double(n))
                }
                copies.abortTime.elements?[row] += later
                if let session {
                    copies.session.elements?[row] = ids.rank(of: session[index]) &+ Int64(copy &* ids.count)
                }
            }
        }
        return copies
    }

    /// `n` of the requests, or of the sessions, without replacement, in their order and with their times.
    ///
    /// Every set of n is equally likely: see `SelectionSampling`, which chooses among the sessions in the order of their
    /// first turns.
    /// - Parameters:
    ///   - n: at least 0, and at most as many as there are.
    ///   - seed: same seed, same sample.
    /// - Complexity: O(count), plus the hash ids.
    public func sample(_ n: Int, seed: UInt64 = 42) throws(BatchingError) -> OwnedRequestColumns {
        try checkSliced()
        let sessions = try SessionNumbers(self)
        let isChosen = try ScratchBuffer(count: sessions.count, repeating: false)
        try SelectionSampling.choose(n, of: sessions.count, seed: seed) { index, _ in isChosen.elements[index] = true }
        return try only { isChosen.elements[sessions.number(of: $0)] }
    }

    // --- What they share ----------------------------------------------------------------------------------------------

    /// Throws unless arrivals can be compared, and hash ids be found.
    func checkSliced() throws(BatchingError) {
        try Validation.count(count, "requests.count")
        if let arrivalTime {
            for index in 0..<count {
                try Work.row(index)
                guard arrivalTime[index].isFinite else {
                    throw .invalid("arrival_time", index, arrivalTime[index], "must be a finite number")
                }
            }
        }
        try prefixHashes?.check(count: count)
    }

    @inline(__always)
    private func seconds(_ index: Int) -> Double { arrivalTime?[index] ?? 0 }

    private static func checkInTime(
        _ arrival: Double, _ row: Int, _ argument: StaticString, _ value: Double
    ) throws(BatchingError) {
        if arrival <= Nanoseconds.maximumSeconds { return }
        throw .invalid("\(argument)", value, "request \(row) would arrive after 9223372036 seconds")
    }

    /// The first and the last arrival of first turns; both 0 where there are none.
    private func startSpan(_ sessions: borrowing SessionNumbers) throws(BatchingError) -> (Double, Double) {
        if sessions.count == 0 { return (0, 0) }
        var (first, last) = (Double.infinity, -Double.infinity)
        for number in 0..<sessions.count {
            try Work.row(number)
            let start = seconds(sessions.firstTurn(of: number))
            first = min(first, start)
            last = max(last, start)
        }
        return (first, last)
    }

    private func meanPeriod() throws(BatchingError) -> Double {
        let sessions = try SessionNumbers(self)
        if sessions.count < 2 { return 0 }
        let (first, last) = try startSpan(sessions)
        return (last - first) + (last - first) / Double(sessions.count &- 1)
    }

    /// Hash ids of one request; 0 without any. The offsets have been checked.
    @inline(__always)
    private func hashCount(_ index: Int) -> Int {
        if let prefixHashes { Int(prefixHashes.ends[index] &- prefixHashes.begins[index]) } else { 0 }
    }

    /// Some of the requests, with all of their columns.
    /// - Parameter isChosen: is called twice for each request.
    private func only(_ isChosen: (Int) -> Bool) throws(BatchingError) -> OwnedRequestColumns {
        var (rows, places) = (0, 0)
        for index in 0..<count {
            try Work.row(index)
            if !isChosen(index) { continue }
            rows &+= 1
            places &+= hashCount(index)
        }
        let hashes = try OwnedHashes(count: rows, ids: places, like: prefixHashes)
        (rows, places) = (0, 0)
        for index in 0..<count {
            try Work.row(index)
            if !isChosen(index) { continue }
            if let prefixHashes, let ids = hashes.ids.elements {
                let own = hashCount(index)
                try (ids + places).copy(prefixHashes.ids + Int(prefixHashes.begins[index]), count: own)
                places &+= own
                hashes.offsets.elements?[rows &+ 1] = Int64(places)
            }
            rows &+= 1
        }
        let chosen = try OwnedRequestColumns(count: rows, like: self, hashes, hasArrivals: arrivalTime != nil)
        var row = 0
        for index in 0..<count {
            try Work.row(index)
            if !isChosen(index) { continue }
            chosen.put(self, index, at: row)
            row &+= 1
        }
        return chosen
    }

    /// The hash ids of `n` copies.
    private func repeatedHashes(_ n: Int, areKept: Bool) throws(BatchingError) -> OwnedHashes {
        guard let prefixHashes, count > 0 else { return try OwnedHashes(count: count &* n, ids: 0, like: prefixHashes) }
        let own = Int(prefixHashes.ends[count &- 1])
        let (all, overflows) = own.multipliedReportingOverflow(by: n)
        guard !overflows else { throw BatchingError(.outOfMemory, "not enough memory for the hash ids of \(n) copies") }
        let hashes = try OwnedHashes(count: count &* n, ids: all, like: prefixHashes)
        guard let ids = hashes.ids.elements, let offsets = hashes.offsets.elements else { return hashes }
        let ranks = try RankedIds(count: areKept ? 0 : own) { prefixHashes.ids[$0] }
        for copy in 0..<n {
            let first = copy &* own
            for place in 0..<own {
                try Work.row(place)
                let id = prefixHashes.ids[place]
                ids[first &+ place] = areKept ? id : ranks.rank(of: id) &+ Int64(copy &* ranks.count)
            }
            for index in 0..<count {
                try Work.row(index)
                offsets[copy &* count &+ index &+ 1] = prefixHashes.ends[index] &+ Int64(first)
            }
        }
        return hashes
    }
}
