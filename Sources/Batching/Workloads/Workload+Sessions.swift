/// Requests that share something: those of a group their prefix, those of a session all that was said before.
extension Workload {
    struct SessionRequest {
        var arrival: Nanoseconds
        var prompt: Int32
        var output: Int32
        /// Counted from 0 in order of the sessions' arrival.
        var session: Int64
        /// The group of the prefix; -1: none.
        var group: Int64
        /// Of closed sessions: from the end of the turn before; 0 for first turns.
        var delay: Nanoseconds
    }

    /// A session that goes on.
    // Not private to the file: the compiler (6.3.1) fails on buffers of such a type in a debug build.
    struct Turn: BitwiseCopyable {
        var arrival = Nanoseconds.zero
        var session: Int64 = 0
        var group: Int64 = 0
        /// Tokens said so far.
        var context: Int32 = 0
        /// Turns left, this one included.
        var left: Int32 = 0

        @inline(__always)
        func precedes(_ other: Turn) -> Bool {
            arrival == other.arrival ? session < other.session : arrival < other.arrival
        }
    }

    /// Calls `body` with every request, in order of arrival; at equal times the session that began first goes first. Closed
    /// sessions follow each other whole.
    ///
    /// Everything is drawn in that order, so that the first n requests are the same for every count.
    /// - Parameter queue: for the sessions that go on. After a first time the same requests need no more memory.
    func forEachRequest(
        _ count: Int, _ queue: inout TurnQueue, _ body: (Int, SessionRequest) throws(BatchingError) -> Void
    ) throws(BatchingError) {
        var clock = ArrivalClock(arrivals, stream(.arrivals))
        var (prompts, outputs) = (promptLengths, outputLengths)
        var (groups, turns, thinkTimes) = (stream(.groups), stream(.turns), ThinkTimes.stream(seed: seed))
        let zipf = ZipfDistribution(count: Int64(max(prefixes.groups, 1)), exponent: prefixes.exponent)
        queue.removeAll()
        var sessionCount: Int64 = 0
        // nil: no session begins any more, since it would be beyond the clock.
        var nextStart = count > 0 ? clock.next() : nil
        // nil: the next turn of a closed session would be delayed beyond the clock.
        var delay: Nanoseconds? = .zero

        for index in 0..<count {
            try Work.row(index)
            var turn: Turn
            // A closed session that goes on is the only one in the queue.
            if let waiting = queue.first, sessions.areClosed || waiting.arrival <= nextStart ?? .maximum {
                turn = waiting
                queue.removeFirst()
            } else {
                guard let start = nextStart else { throw beyondTheClock(index) }
                turn = Turn(
                    arrival: start, session: sessionCount, group: prefixes.groups > 0 ? zipf.rank(&groups) - 1 : -1,
                    context: prefixes.groups > 0 ? prefixes.length : 0,
                    left: turns.integer(in: sessions.turnsMinimum...sessions.turnsMaximum))
                sessionCount += 1
                nextStart = clock.next()
                delay = .zero
            }
            guard let turnDelay = delay else {
                throw BatchingError(
                    .overflow,
                    "think_time is \(sessions.thinkTimes.mean): request \(index) would be delayed by more than "
                        + "9223372036 seconds")
            }
            let output = outputs.next()
            let prompt = turn.context.addingReportingOverflow(prompts.next())
            let total = prompt.partialValue.addingReportingOverflow(output)
            guard !prompt.overflow, !total.overflow else {
                throw BatchingError(
                    .overflow,
                    "request \(index) would have more than 2147483647 tokens: shorten prompts, outputs or turns")
            }
            try body(
                index,
                SessionRequest(
                    arrival: turn.arrival, prompt: prompt.partialValue, output: output, session: turn.session,
                    group: turn.group, delay: turnDelay))
            if turn.left > 1 {
                turn.left -= 1
                turn.context = total.partialValue
                // A turn beyond the clock is an error only if it is among those asked for.
                let pause = sessions.thinkTimes.draw(&thinkTimes)
                if sessions.areClosed {
                    delay = pause
                    try queue.insert(turn)
                } else if let pause, let arrival = turn.arrival.advanced(by: 1, of: pause) {
                    turn.arrival = arrival
                    try queue.insert(turn)
                }
            }
        }
    }

    /// Which turns belong together, and their delays. Fills columns of `count` elements; nil is not wanted. Writes nothing
    /// if it throws.
    /// - Parameters:
    ///   - session: counted from 0 in order of the sessions' arrivals.
    ///   - delay: seconds; 0 for first turns, and unless sessions are closed.
    /// - Complexity: that of `generate`.
    public func generateSessions(
        count: Int, session: UnsafeMutablePointer<Int64>?, delay: UnsafeMutablePointer<Double>?
    ) throws(BatchingError) {
        try Validation.count(count, "count")
        try validate()
        if !sessions.haveTurns {
            try Work.rows(of: count) { index in
                session?[index] = Int64(index)
                delay?[index] = 0
            }
            return
        }
        var queue = try TurnQueue()
        for pass in 0..<2 {
            try forEachRequest(count, &queue) { index, request in
                if pass == 0 { return }
                session?[index] = request.session
                delay?[index] = request.delay.seconds
            }
        }
    }

    /// The hash ids of the requests: those of a group's prefix, and those of a session.
    ///
    /// Writes nothing if it throws.
    /// - Parameters:
    ///   - offsets: `count` + 1 elements, or nil.
    ///   - ids: `capacity` elements, or nil.
    /// - Returns: how many ids there are.
    public func generateHashes(
        count: Int, offsets: UnsafeMutablePointer<Int64>?, ids: UnsafeMutablePointer<Int64>?, capacity: Int
    ) throws(BatchingError) -> Int64 {
        try Validation.count(count, "count")
        try validate()
        // At most 2^31 requests of 2^31 blocks each: no overflow.
        var needed: Int64 = 0
        var queue = try TurnQueue()
        for pass in 0..<2 {
            var position = 0
            var counted = 0
            try forEachRequest(count, &queue) { (index, request) throws(BatchingError) in
                let blockCount = Int(blocks(of: request))
                if pass == 0 {
                    needed += Int64(blockCount)
                    return
                }
                if position &- counted >= Work.piece {
                    try Work.done(Int64(position &- counted))
                    counted = position
                }
                if let ids {
                    for block in 0..<blockCount { ids[position + block] = hash(of: request, block: Int64(block)) }
                }
                position += blockCount
                offsets?[index + 1] = Int64(position)
            }
            if pass == 0 {
                if ids != nil, needed > Int64(capacity) {
                    throw BatchingError(
                        .capacity, "capacity is \(capacity): must be at least \(needed), the number of hash ids")
                }
                offsets?[0] = 0
            }
        }
        return needed
    }

    /// Full blocks of a request that may be found again.
    private func blocks(of request: SessionRequest) -> Int64 {
        if sessions.haveTurns {
            return (Int64(request.prompt) + Int64(request.output)) / Int64(hashBlockSize)
        }
        return prefixBlocks
    }

    /// Full blocks of a prefix.
    private var prefixBlocks: Int64 { prefixes.groups > 0 ? Int64(prefixes.length) / Int64(hashBlockSize) : 0 }

    /// Unique to what the block holds, and to all before it.
    private func hash(of request: SessionRequest, block: Int64) -> Int64 {
        // Sessions and groups are fewer than 2^31, and so are blocks.
        block < prefixBlocks ? 1 << 62 | request.group << 31 | block : request.session << 31 | block
    }

    /// The sessions that go on, by their next turn.
    struct TurnQueue: ~Copyable {
        private var heap: GrowableBuffer<Turn>
        private var count = 0

        init() throws(BatchingError) {
            heap = try GrowableBuffer<Turn>(capacity: 64)
        }

        fileprivate var first: Turn? { count > 0 ? heap.elements[0] : nil }

        fileprivate mutating func insert(_ turn: Turn) throws(BatchingError) {
            try heap.reserve(count + 1)
            Heap.siftUp(turn, from: count, heap.elements) { $0.precedes($1) }
            count += 1
        }

        fileprivate mutating func removeAll() { count = 0 }

        fileprivate mutating func removeFirst() {
            count -= 1
            if count == 0 { return }
            Heap.siftDown(heap.elements[count], from: 0, heap.elements, count: count) { $0.precedes($1) }
        }
    }
}
