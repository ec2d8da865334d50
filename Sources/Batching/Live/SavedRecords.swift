// What is saved of an engine that runs on, as records of numbers: each says once what it is made of.

/// What an engine counts.
struct SavedCounters {
    var clock = Nanoseconds.zero
    var now = Nanoseconds.zero
    var iteration: Int64 = 0
    var submitted: Int64 = 0
    var rejected: Int64 = 0
    var aborted: Int64 = 0
    var finished: Int64 = 0
    var preemptions: Int64 = 0
    var prefills: Int64 = 0
    var decodeTokens: Int64 = 0
    var futilePreemptions: Int64 = 0
    var tokensBeforeThem: Int64 = 0
    var batchOutput: Int32 = 0
    var isStuck = false
    /// 0: no request ever had hash ids.
    var hashBlockSize: Int64 = 0
    var hashesCoverOutput = false
    /// Requests, in this order, by where they are; the waiting are those that never ran.
    var running: Int64 = 0
    var preempted: Int64 = 0
    var waiting: Int64 = 0
    var pending: Int64 = 0
    var isUnderWay = false

    /// The most iterations, and requests submitted: far beyond any that can be reached, and far enough from the end of the
    /// numbers to be added to.
    static let most: Int64 = 1 << 62

    var requests: Int64 { running + preempted + waiting + pending }

    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        let most = SavedCounters.most
        try coder.code(&clock)
        try coder.code(&now)
        try coder.code(&iteration, from: 0, to: most)
        try coder.code(&submitted, from: 0, to: most)
        try coder.code(&rejected, from: 0, to: most)
        try coder.code(&aborted, from: 0, to: most)
        try coder.code(&finished, from: 0, to: most)
        try coder.code(&preemptions, from: 0, to: most)
        try coder.code(&prefills)
        try coder.code(&decodeTokens)
        try coder.code(&futilePreemptions, from: 0, to: most)
        try coder.code(&tokensBeforeThem)
        try coder.code(&batchOutput, from: 0, to: .max)
        try coder.code(&isStuck)
        try coder.code(&hashBlockSize, from: 0, to: Int64(Int32.max))
        try coder.code(&hashesCoverOutput)
        let largest = Int64(RequestColumns.maximumCount)
        try coder.code(&running, from: 0, to: largest)
        try coder.code(&preempted, from: 0, to: largest)
        try coder.code(&waiting, from: 0, to: largest)
        try coder.code(&pending, from: 0, to: largest)
        try coder.code(&isUnderWay)
    }
}

/// Whether a custom policy is to be asked.
struct SavedPolicyState {
    var holdsUntilChange = false
    var waits: Int64 = 0
    var waitsUntil = Nanoseconds.zero
    /// Whether any request finished in the last iteration.
    var hasFinished = false

    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(&holdsUntilChange)
        try coder.code(&waits, from: 0, to: Int64(1) << 62)
        try coder.code(&waitsUntil)
        try coder.code(&hasFinished)
    }
}

/// Asynchronously: the batch that runs.
struct SavedFlight {
    var isFlying = false
    var isFollowed = false
    var isAwaited = false
    var number: Int64 = 0
    var end = Nanoseconds.zero
    var deviceEnd = Nanoseconds.zero
    var futileBatches: Int64 = 0

    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(&isFlying)
        try coder.code(&isFollowed)
        if coder.has(version: 3) { try coder.code(&isAwaited) }
        // That of an iteration, or the one before the first.
        try coder.code(&number, from: -1, to: Int64(1) << 62)
        try coder.code(&end)
        try coder.code(&deviceEnd)
        try coder.code(&futileBatches, from: 0, to: Int64(1) << 32)
    }
}

extension IterationWork {
    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        // Sums of so many tokens as there can be fit into 63 bits.
        try coder.code(&prefillTokens, from: 0, to: .max)
        prefillChunks = min(prefillTokens, coder.has(version: 4) ? prefillChunks : 1)
        if coder.has(version: 4) { try coder.code(&prefillChunks, from: min(prefillTokens, 1), to: prefillTokens) }
        try coder.code(&decodeTokens, from: 0, to: Int64(RequestColumns.maximumCount))
        try coder.code(&contextTokens, from: 0, to: .max)
        var bits = prefillContext.bitPattern
        try coder.code(&bits)
        prefillContext = Double(bitPattern: bits)
        guard prefillContext >= 0, prefillContext < .infinity else { throw .corrupt("a sum is out of its range") }
        try coder.code(&usedBlocks, from: 0, to: .max)
        try coder.code(&preemptions, from: 0, to: RequestColumns.maximumCount)
        try coder.code(&waiting, from: 0, to: RequestColumns.maximumCount)
        if coder.has(version: 5) { try coder.code(&load) }
    }
}

extension CompletedIteration {
    /// One that has been scheduled, if it is the one of that number.
    mutating func code(_ coder: inout some ByteCoder, number: Int64) throws(BatchingError) {
        var isKnown = work.number == number
        try coder.code(&isKnown)
        guard isKnown else { return }
        work.number = number
        try coder.code(&work.time)
        try coder.code(&work.running, from: 0, to: RequestColumns.maximumCount)
        try work.code(&coder)
        try coder.code(&start)
        try coder.code(&duration)
    }
}

extension RunEvent {
    /// Bytes of one.
    static let size = 24

    mutating func code(
        _ coder: inout some ByteCoder, from earliest: Nanoseconds, to latest: Nanoseconds
    ) throws(BatchingError) {
        try coder.code(&time.count, from: earliest.count, to: latest.count)
        try coder.code(&id)
        try coder.code(&event)
        guard LiveEngineEvent(rawValue: event) != nil else { throw .corrupt("an event has an unknown kind") }
        try coder.code(&tokens, from: 0, to: .max)
    }
}
