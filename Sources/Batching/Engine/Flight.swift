/// A request that has a first token when an iteration ends. It is still the same if it has the same rank.
struct FirstToken: BitwiseCopyable {
    var request: UInt32 = 0
    var rank: Int64 = 0
}

/// Asynchronously: the batch that runs, or has run, while the next one is scheduled.
struct Flight: ~Copyable {
    var isFlying = false
    /// Whether the batch after it has been scheduled: then this one lands before anything else happens.
    var isFollowed = false
    /// Whether none is to be scheduled behind it, since a custom policy waits: it lands before anything else happens, too.
    var isAwaited = false
    var number: Int64 = 0
    var end = Nanoseconds.zero
    /// When the device is done with all that has been scheduled.
    var deviceEnd = Nanoseconds.zero
    var futileBatches = 0
    /// Slots of those whose last token it gives.
    var finishing: GrowableBuffer<Int32>
    var finishingCount = 0
    var firstTokens: GrowableBuffer<FirstToken>
    var firstTokenCount = 0
    /// For the log: it, and the one that was scheduled after it. They are those if the numbers are right: what was scheduled
    /// before a log was asked for is not there.
    var iteration = CompletedIteration()
    var next = CompletedIteration()

    init() throws(BatchingError) {
        let finishing = try GrowableBuffer<Int32>(capacity: 0)
        let firstTokens = try GrowableBuffer<FirstToken>(capacity: 0)
        self.finishing = finishing
        self.firstTokens = firstTokens
        iteration.work.number = -1
        next.work.number = -1
    }

    mutating func assign(_ other: borrowing Flight) throws(BatchingError) {
        isFlying = other.isFlying
        isFollowed = other.isFollowed
        isAwaited = other.isAwaited
        number = other.number
        end = other.end
        deviceEnd = other.deviceEnd
        futileBatches = other.futileBatches
        try finishing.assign(other.finishing, count: other.finishingCount)
        finishingCount = other.finishingCount
        try firstTokens.assign(other.firstTokens, count: other.firstTokenCount)
        firstTokenCount = other.firstTokenCount
        iteration = other.iteration
        next = other.next
    }
}
