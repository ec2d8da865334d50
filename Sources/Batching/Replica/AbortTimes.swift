/// Which clients leave when, in order, and where their requests are. Without any it is empty, and its next time never comes.
///
/// - Complexity: O(1) for each that leaves, once they are sorted.
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
    private let order: TimeOrder?
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

    init(_ requests: RequestColumns) throws(BatchingError) {
        var count = 0
        if let times = requests.abortTime {
            for index in 0..<requests.count {
                try Work.row(index)
                if !times[index].isNaN { count += 1 }
            }
        }
        let early = try GrowableBuffer<UInt32>(capacity: 0)
        let places = try ScratchBuffer(
            count: count > 0 ? requests.count : 0, repeating: AbortTimes.withoutSlot)
        var order: TimeOrder?
        if count > 0, let times = requests.abortTime {
            order = try TimeOrder(sorting: Column(times: times), count: requests.count)
        }
        self.order = order
        times = requests.abortTime
        self.count = count
        self.places = places
        self.early = early
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
        case .none: 0
        }
    }

    private mutating func findNext() {
        nextTime = Nanoseconds(.max)
        if taken < count, let times { nextTime = Nanoseconds(validSeconds: times[request(at: taken)]) }
        nextLook = earlyCount > 0 ? .zero : nextTime
    }

    /// The next one that has left by `time`; nil if none has.
    mutating func takeNext(by time: Nanoseconds) -> Int? {
        guard nextTime <= time else { return nil }
        let request = request(at: taken)
        taken += 1
        findNext()
        return request
    }

    /// Those that will have left by `time`.
    func forEach(by time: Nanoseconds, _ body: (Int) -> Void) {
        guard let times else { return }
        var position = taken
        while position < count, Nanoseconds(validSeconds: times[request(at: position)]) <= time {
            body(request(at: position))
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
