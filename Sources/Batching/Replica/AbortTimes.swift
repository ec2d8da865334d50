/// Which clients leave when, in order, and where their requests are. Without any it is empty, and its next time never comes.
///
/// In an open loop it is known beforehand which leaves next. In a closed one a request counts from when it is sent: those are
/// kept in a heap.
///
/// - Complexity: O(1) for each that leaves, once they are sorted; in a closed loop O(log n) of n that were sent.
struct AbortTimes: ~Copyable {
    /// The key of one that never leaves is the greatest.
    private struct Column: IntegerColumn {
        let times: UnsafePointer<Double>

        @inline(__always)
        subscript(index: Int) -> Int64 {
            times[index].isNaN ? .max : Nanoseconds(validSeconds: times[index]).count
        }
    }

    /// Where a request is that has no slot.
    static let withoutSlot: Int32 = -1
    private static let ended: Int32 = -2

    private let times: UnsafePointer<Double>?
    /// nil: in a closed loop.
    private let order: TimeOrder?
    /// Those that were sent, as a heap. Only in a closed loop.
    private var sent: GrowableBuffer<UInt32>
    private var sentCount = 0
    /// How many leave, and how many of those have.
    private let count: Int
    private var taken = 0
    /// By request: its slot, or one of the above.
    private let places: ScratchBuffer<Int32>
    /// Requests whose clients left before the engine had taken them in.
    private var early: GrowableBuffer<UInt32>
    private(set) var earlyCount = 0
    /// When the next one leaves, wherever its request is; `Int64.max` nanoseconds if none is left.
    private(set) var nextTime = Nanoseconds(.max)
    /// The same, and 0 as long as any that left early are to be looked at.
    private(set) var nextLook = Nanoseconds(.max)

    /// - Parameter isClosed: whether it is told of each request that is sent.
    init(_ requests: RequestColumns, isClosed: Bool) throws(BatchingError) {
        var count = 0
        if let times = requests.abortTime {
            for index in 0..<requests.count {
                try Work.row(index)
                if !times[index].isNaN { count += 1 }
            }
        }
        let early = try GrowableBuffer<UInt32>(capacity: 0)
        let sent = try GrowableBuffer<UInt32>(capacity: 0)
        let places = try ScratchBuffer(
            count: count > 0 ? requests.count : 0, repeating: AbortTimes.withoutSlot)
        var order: TimeOrder?
        if count > 0, !isClosed, let times = requests.abortTime {
            order = try TimeOrder(sorting: Column(times: times), count: requests.count)
        }
        self.order = order
        times = requests.abortTime
        self.count = count
        self.places = places
        self.early = early
        self.sent = sent
        findNext()
    }

    @inline(__always)
    var isUsed: Bool { count > 0 }

    @inline(__always)
    func hasEnded(_ request: Int) -> Bool { places.elements[request] == AbortTimes.ended }

    @inline(__always)
    func slot(_ request: Int) -> Int { Int(places.elements[request]) }

    @inline(__always)
    func noteAdmission(_ request: Int, _ slot: Int) { places.elements[request] = Int32(truncatingIfNeeded: slot) }

    /// It has finished, was rejected, or has left.
    @inline(__always)
    func noteEnd(_ request: Int) { places.elements[request] = AbortTimes.ended }

    private func request(at position: Int) -> Int {
        switch order {
        case .some(let order): order.order[position]
        case .none: Int(sent.elements[position])
        }
    }

    private func time(_ request: Int) -> Nanoseconds {
        if let times { Nanoseconds(validSeconds: times[request]) } else { Nanoseconds(.max) }
    }

    /// Whether one that was sent leaves before another.
    private func precedes(_ one: UInt32, _ other: UInt32) -> Bool {
        let (time, otherTime) = (time(Int(one)), time(Int(other)))
        return time == otherTime ? one < other : time < otherTime
    }

    private mutating func findNext() {
        let position: Int?
        switch order {
        case .some: position = taken < count ? taken : nil
        case .none: position = sentCount > 0 ? 0 : nil
        }
        nextTime = position.map { time(request(at: $0)) } ?? Nanoseconds(.max)
        nextLook = earlyCount > 0 ? .zero : nextTime
    }

    /// A request was sent, in a closed loop.
    mutating func noteSent(_ request: Int) throws(BatchingError) {
        guard let times, !times[request].isNaN else { return }
        try sent.reserve(sentCount + 1)
        let newest = UInt32(truncatingIfNeeded: request)
        Heap.siftUp(newest, from: sentCount, sent.elements) { precedes($0, $1) }
        sentCount += 1
        findNext()
    }

    /// The next one that has left by `time`; nil if none has.
    mutating func takeNext(by time: Nanoseconds) -> Int? {
        guard nextTime <= time else { return nil }
        let request = request(at: taken)
        if sentCount > 0 {
            sentCount -= 1
            let last = sent.elements[sentCount]
            if sentCount > 0 { Heap.siftDown(last, from: 0, sent.elements, count: sentCount) { precedes($0, $1) } }
        } else {
            taken += 1
        }
        findNext()
        return request
    }

    /// Those that will have left by `time`.
    func forEach(by time: Nanoseconds, _ body: (Int) -> Void) {
        guard nextTime <= time else { return }
        guard sentCount == 0 else { return forEachSent(by: time, body) }
        var position = taken
        while position < count, self.time(request(at: position)) <= time {
            body(request(at: position))
            position += 1
        }
    }

    /// The same of the heap: below one that leaves later all do.
    private func forEachSent(by time: Nanoseconds, _ body: (Int) -> Void) {
        var position = 0
        while true {
            if position < sentCount, self.time(request(at: position)) <= time {
                body(request(at: position))
                position = 2 * position + 1
                continue
            }
            // On to the next one beside it, or beside one above it. Those on the right have even positions.
            while position > 0, position % 2 == 0 { position = (position - 1) / 2 }
            if position == 0 { return }
            position += 1
        }
    }

    /// Its request has not been taken in yet: it leaves once it is.
    mutating func postpone(_ request: Int) throws(BatchingError) {
        try early.reserve(earlyCount + 1)
        early.elements[earlyCount] = UInt32(truncatingIfNeeded: request)
        earlyCount += 1
        nextLook = .zero
    }

    /// Those that were postponed, in the order in which they left.
    func early(at position: Int) -> Int { Int(early.elements[position]) }

    mutating func forgetEarly() {
        earlyCount = 0
        nextLook = nextTime
    }
}

/// The iterations, one after the other, that gave a member its newest tokens: some of them may still be on their way.
struct TokenRun: BitwiseCopyable {
    var first: Int64 = 0
    /// Not kept up to date while it decodes. -2: no iteration has given it any.
    var newest: Int64 = -2

    /// An iteration gives it a token.
    @inline(__always)
    mutating func add(_ iteration: Int64) {
        if newest != iteration &- 1 { first = iteration }
        newest = iteration
    }
}
