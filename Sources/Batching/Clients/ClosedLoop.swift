/// What sends the requests of a run where that depends on what was answered: closed loops, sessions, clients. See "Engine:
/// clients" in the C header.
///
/// What is sent next is the first, in order of arrival, of two: the next session to begin in order of arrival, and the
/// first of those whose arrival has become known in the run: later turns, and what clients have taken. It is sent at its
/// arrival, or when there is a slot of `max_concurrency` for it.
///
/// - Complexity: O(1) a request, O(log n) for n open sessions or clients; memory for those, and for slots that are free.
struct ClosedLoop: ~Copyable {
    /// A request, and when it arrives at its client.
    struct Arrival: BitwiseCopyable {
        var time = Nanoseconds(.max)
        var request: UInt32 = 0

        @inline(__always)
        func precedes(_ other: Arrival) -> Bool {
            time == other.time ? request < other.request : time < other.time
        }
    }

    /// Whether there is one: otherwise nothing of this is asked.
    let isUsed: Bool
    private let requests: RequestColumns
    /// nil: the requests are given in order of arrival.
    private let arrivalOrder: PermutedOrder?
    private let turns: SessionTurns.View?
    /// By position in the order of sending, where that is not the order of arrival.
    private let sentOrder: UnsafeMutablePointer<UInt32>?

    private let hasClients: Bool
    private let sessionsGoOn: Bool
    private let thinkTimes: ThinkTimes
    private var thinkStream: RandomStream

    /// The first session that has not begun, by its first turn, and where it is in the order of arrival.
    private var opening = Arrival()
    private var openingPosition = -1
    /// Those whose arrival has become known, as a heap.
    private var known: GrowableBuffer<Arrival>
    private var knownCount = 0

    private let hasSlots: Bool
    /// Slots that were never taken; and, of the others that are free, since when, as a heap.
    private var newSlots: Int
    private var freeSlots: GrowableBuffer<Nanoseconds>
    private var freeSlotCount = 0

    /// When the next one is sent; `Int64.max` nanoseconds if that is not known, or none is left.
    private(set) var nextTime = Nanoseconds(.max)
    private var nextIsKnown = false

    /// - Parameters:
    ///   - requests: that were checked, with the times and delays that were given.
    ///   - client: nil: nothing but their sessions holds them back.
    ///   - arrivalOrder: nil: the requests are given in order of arrival.
    static func begin(
        _ requests: RequestColumns, _ client: ClientConfig?, _ turns: borrowing SessionTurns,
        arrivalOrder: PermutedOrder?
    ) throws(BatchingError) -> ClosedLoop {
        let client = client ?? ClientConfig()
        var loop = try ClosedLoop(requests, client, turns, arrivalOrder: arrivalOrder)
        guard loop.isUsed else { return loop }
        try loop.findOpening()
        if let clients = client.clients {
            try loop.startClients(clients, over: Nanoseconds(validSeconds: client.rampUp))
        }
        loop.findNext()
        return loop
    }

    private init(
        _ requests: RequestColumns, _ client: ClientConfig, _ turns: borrowing SessionTurns,
        arrivalOrder: PermutedOrder?
    ) throws(BatchingError) {
        let known = try GrowableBuffer<Arrival>(capacity: 0)
        let freeSlots = try GrowableBuffer<Nanoseconds>(capacity: 0)
        isUsed = client.closesLoop || turns.isUsed
        self.requests = requests
        self.arrivalOrder = arrivalOrder
        self.turns = turns.view
        hasClients = client.clients != nil
        sentOrder = hasClients || turns.isUsed ? turns.scratch.elements : nil
        sessionsGoOn = client.sessionsGoOn
        thinkTimes = client.thinkTimes
        thinkStream = ThinkTimes.stream(seed: client.seed)
        hasSlots = client.maxConcurrency != nil
        newSlots = Int(client.maxConcurrency ?? 0)
        self.known = known
        self.freeSlots = freeSlots
    }

    /// Nothing that is to be asked.
    init() throws(BatchingError) {
        let nothing = try SessionTurns(RequestColumns(count: 0), needsScratch: false, firstTurnsWait: false)
        try self.init(RequestColumns(count: 0), ClientConfig(), nothing, arrivalOrder: nil)
    }

    /// In which order the requests come to the engine: up to as many as were sent. nil: as they are given.
    var order: PermutedOrder? {
        sentOrder.map { PermutedOrder(indices: UnsafePointer($0)) } ?? arrivalOrder
    }

    // What arrives

    /// The next session in order of arrival.
    @inline(__always)
    private mutating func findOpening() throws(BatchingError) {
        opening = Arrival()
        repeat {
            openingPosition &+= 1
            try Work.row(openingPosition)
        } while openingPosition < requests.count && isLater(at: openingPosition)
        guard openingPosition < requests.count else { return }
        let request = request(at: openingPosition)
        opening = Arrival(time: requests.arrival(request), request: UInt32(truncatingIfNeeded: request))
    }

    @inline(__always)
    private func request(at position: Int) -> Int {
        if let arrivalOrder { arrivalOrder[position] } else { position }
    }

    @inline(__always)
    private func isLater(at position: Int) -> Bool {
        if let turns { turns.isLater(request(at: position)) } else { false }
    }

    /// Clients take the first sessions.
    private mutating func startClients(_ clients: Int64, over rampUp: Nanoseconds) throws(BatchingError) {
        var client: Int64 = 0
        while client < clients, hasOpening {
            try Work.row(Int(client))
            let start = rampUp.times(Int(client)) / UInt128(UInt64(clients))
            try open(at: Nanoseconds(Int64(truncatingIfNeeded: start)))
            client += 1
        }
    }

    private var hasOpening: Bool { opening.time < Nanoseconds(.max) }

    /// A client takes the next session, of which the first turn arrives at `time`, but not before its arrival time.
    private mutating func open(at time: Nanoseconds) throws(BatchingError) {
        try push(Int(opening.request), at: max(time, opening.time))
        try findOpening()
    }

    private mutating func push(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        try known.reserve(knownCount &+ 1)
        let arrival = Arrival(time: time, request: UInt32(truncatingIfNeeded: request))
        Heap.siftUp(arrival, from: knownCount, known.elements) { $0.precedes($1) }
        knownCount &+= 1
    }

    /// When a request arrives that waits for `pause` and its delay from `end` on, but not before its arrival time.
    private func arrival(_ request: Int, after end: Nanoseconds, pause: Nanoseconds) throws(BatchingError)
        -> Nanoseconds
    {
        let delay = requests.delay.map { Nanoseconds(validSeconds: $0[request]) } ?? .zero
        // A pause may be beyond the clock; the sum of two fits 64 bits without a sign.
        let time = UInt64(bitPattern: end.count) &+ UInt64(bitPattern: pause.count)
        let (sum, overflows) = time.addingReportingOverflow(UInt64(bitPattern: delay.count))
        guard !overflows, sum <= UInt64(bitPattern: Nanoseconds.maximum.count) else {
            throw BatchingError(
                .overflow,
                "request \(request) arrives \(pause.seconds + delay.seconds) seconds after \(end.seconds): the clock would "
                    + "pass 9223372036 seconds")
        }
        return max(Nanoseconds(Int64(bitPattern: sum)), requests.arrival(request))
    }

    // What is sent

    /// Which is sent next, and when.
    @inline(__always)
    private mutating func findNext() {
        nextIsKnown = knownCount > 0 && (hasClients || known.elements[0].precedes(opening))
        var arrival = Nanoseconds(.max)
        if nextIsKnown {
            arrival = known.elements[0].time
            // The turns of a session need not lie near those of another.
            requests.prefetch(Int(known.elements[0].request))
        } else if !hasClients {
            arrival = opening.time
        }
        if !hasSlots || newSlots > 0 {
            nextTime = arrival
        } else {
            nextTime = freeSlotCount > 0 ? max(arrival, freeSlots.elements[0]) : Nanoseconds(.max)
        }
    }

    /// The next one is sent, at `nextTime`, as the one at this position in the order of sending.
    /// - Returns: it, and when it arrived.
    @inline(__always)
    mutating func send(at position: Int) throws(BatchingError) -> (request: Int, arrival: Nanoseconds) {
        let arrival: Arrival
        if nextIsKnown {
            arrival = known.elements[0]
            knownCount &-= 1
            if knownCount > 0 {
                let last = known.elements[knownCount]
                Heap.siftDown(last, from: 0, known.elements, count: knownCount) { $0.precedes($1) }
            }
        } else {
            arrival = opening
            try findOpening()
        }
        sentOrder?[position] = arrival.request
        if hasSlots { takeSlot() }
        findNext()
        return (Int(arrival.request), arrival.time)
    }

    @inline(__always)
    private mutating func takeSlot() {
        if newSlots > 0 {
            newSlots &-= 1
            return
        }
        freeSlotCount &-= 1
        if freeSlotCount > 0 {
            let last = freeSlots.elements[freeSlotCount]
            Heap.siftDown(last, from: 0, freeSlots.elements, count: freeSlotCount) { $0 < $1 }
        }
    }

    /// A request that was sent has ended.
    /// - Parameter hasFailed: whether it was rejected or aborted.
    mutating func noteEnd(_ request: Int, at time: Nanoseconds, hasFailed: Bool) throws(BatchingError) {
        if hasSlots {
            try freeSlots.reserve(freeSlotCount &+ 1)
            Heap.siftUp(time, from: freeSlotCount, freeSlots.elements) { $0 < $1 }
            freeSlotCount &+= 1
        }
        let next = turns?.next(after: request) ?? -1
        if next >= 0, !hasFailed || sessionsGoOn {
            try push(next, at: try arrival(next, after: time, pause: .zero))
        } else if hasClients, hasOpening {
            let pause = thinkTimes.mean > 0 ? thinkTimes.draw(&thinkStream) : .zero
            try open(at: try arrival(Int(opening.request), after: time, pause: pause ?? Nanoseconds(.max)))
        }
        findNext()
    }

    // What is left

    /// Calls `body` with each request that was not sent, and when it arrived at its client; `Int64.max` nanoseconds: it
    /// never did.
    /// - Parameter count: how many were sent.
    func forEachUnsent(
        sent count: Int, _ body: (Int, Nanoseconds) throws(BatchingError) -> Void
    ) throws(BatchingError) {
        if count == requests.count { return }
        guard let sentOrder else {
            for position in count..<requests.count {
                try Work.row(position)
                let request = request(at: position)
                try body(request, requests.arrival(request))
            }
            return
        }
        // A bit for each: those that were sent, or are known.
        let words = try ScratchBuffer<UInt64>(count: requests.count / 64 + 1, repeating: 0)
        for position in 0..<count {
            try Work.row(position)
            words.elements[Int(sentOrder[position]) / 64] |= 1 << UInt64(sentOrder[position] % 64)
        }
        for position in 0..<knownCount {
            try Work.row(position)
            let arrival = known.elements[position]
            words.elements[Int(arrival.request) / 64] |= 1 << UInt64(arrival.request % 64)
            try body(Int(arrival.request), arrival.time)
        }
        for request in 0..<requests.count {
            try Work.row(request)
            if words.elements[request / 64] & 1 << UInt64(request % 64) != 0 { continue }
            let arrives = !hasClients && !(turns?.isLater(request) ?? false)
            try body(request, arrives ? requests.arrival(request) : Nanoseconds(.max))
        }
    }
}
