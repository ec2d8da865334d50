/// Who has a first token when an iteration ends. A request is still the same if its row has the same rank.
struct LiveFirstToken: BitwiseCopyable {
    var row: UInt32 = 0
    var rank: Int64 = 0
}

/// Asynchronously: the batch that runs while the next one is scheduled.
struct LiveFlight: ~Copyable {
    var isFlying = false
    /// Whether the batch after it has been scheduled: then this one lands before anything else happens.
    var isFollowed = false
    var number: Int64 = 0
    var end = Nanoseconds.zero
    /// When the device is done with all that has been scheduled.
    var deviceEnd = Nanoseconds.zero
    var futileBatches = 0
    /// Slots of those whose last token it gives.
    var finishing: GrowableBuffer<Int32>
    var finishingCount = 0
    var firstTokens: GrowableBuffer<LiveFirstToken>
    var firstTokenCount = 0

    init() throws(BatchingError) {
        let finishing = try GrowableBuffer<Int32>(capacity: 0, repeating: 0)
        let firstTokens = try GrowableBuffer(capacity: 0, repeating: LiveFirstToken())
        self.finishing = finishing
        self.firstTokens = firstTokens
    }

    mutating func assign(_ other: borrowing LiveFlight) throws(BatchingError) {
        isFlying = other.isFlying
        isFollowed = other.isFollowed
        number = other.number
        end = other.end
        deviceEnd = other.deviceEnd
        futileBatches = other.futileBatches
        try finishing.assign(other.finishing, count: other.finishingCount)
        finishingCount = other.finishingCount
        try firstTokens.assign(other.firstTokens, count: other.firstTokenCount)
        firstTokenCount = other.firstTokenCount
    }
}
