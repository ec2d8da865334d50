import CBatchingThread

/// Requests to simulate, as borrowed columns: element i of each belongs to request i. nil stands for the default.
public struct RequestColumns {
    /// The most requests that columns may hold: BATCHING_COUNT_MAX. With their results they take 88 GB; indices of 32 bits
    /// suffice for them, and every sum of token counts stays within 64 bits.
    package static let maximumCount = 2_000_000_000

    var count: Int
    let promptLength: UnsafePointer<Int32>?
    let outputLength: UnsafePointer<Int32>?
    var arrivalTime: UnsafePointer<Double>?
    let priority: UnsafePointer<Int32>?
    let tieBreak: UnsafePointer<Int64>?
    var prefixHashes: PrefixHashes?
    /// Tokens that the client asked for, where the answer may end before; nil: as many as it will have.
    let maxTokens: UnsafePointer<Int32>?
    /// Seconds at which the client leaves; not-a-number: never. nil: none does.
    let abortTime: UnsafePointer<Double>?
    /// Requests of one value are the turns of a conversation, in the given order; nil: each is its own.
    var session: UnsafePointer<Int64>?
    /// Seconds from the end of the turn before to the arrival of this one; nil: all 0.0.
    let delay: UnsafePointer<Double>?
    /// Which of the requests was there first, where indices are used again; nil: the index says it.
    var rank: UnsafePointer<Int64>?
    /// What the caller calls each; nil: its index.
    var ids: UnsafePointer<Int64>?
    /// The slot in which the KV of its prompt is already; -1: there is none. nil: of no request.
    var heldSlot: UnsafePointer<Int32>?

    /// - Parameters:
    ///   - count: elements of each column.
    ///   - promptLength: tokens, each at least 0. nil: all 0.
    ///   - outputLength: tokens, each at least 1. nil: all 1.
    ///   - arrivalTime: seconds, in any order. nil: all 0.0.
    ///   - priority: lower is more urgent. nil: all 0.
    ///   - tieBreak: lower goes first where priority and arrival are equal. nil: the index.
    ///   - prefixHashes: what is in the requests. nil: nothing is shared.
    ///   - maxTokens: tokens that the client asked for, each at least its output length: what a scheduler that works ahead
    ///     has to plan with. nil: the output length.
    ///   - abortTime: seconds at which the client leaves, each not before its arrival; not-a-number: never. nil: none does.
    ///   - session: requests of one value are the turns of a conversation, in the given order. nil: each is its own.
    ///   - delay: seconds from the end of the turn before to the arrival of this one, each at least 0. nil: all 0.0.
    public init(
        count: Int, promptLength: UnsafePointer<Int32>? = nil, outputLength: UnsafePointer<Int32>? = nil,
        arrivalTime: UnsafePointer<Double>? = nil, priority: UnsafePointer<Int32>? = nil,
        tieBreak: UnsafePointer<Int64>? = nil, prefixHashes: PrefixHashes? = nil,
        maxTokens: UnsafePointer<Int32>? = nil, abortTime: UnsafePointer<Double>? = nil,
        session: UnsafePointer<Int64>? = nil, delay: UnsafePointer<Double>? = nil
    ) {
        self.count = count
        self.promptLength = promptLength
        self.outputLength = outputLength
        self.arrivalTime = arrivalTime
        self.priority = priority
        self.tieBreak = tieBreak
        self.prefixHashes = prefixHashes
        self.maxTokens = maxTokens
        self.abortTime = abortTime
        self.session = session
        self.delay = delay
    }

    @inline(__always)
    func prompt(_ index: Int) -> Int64 {
        if let promptLength { Int64(promptLength[index]) } else { 0 }
    }

    @inline(__always)
    func output(_ index: Int) -> Int64 {
        if let outputLength { Int64(outputLength[index]) } else { 1 }
    }

    /// Tokens that the client asked for. A row that says fewer than it will have says nothing.
    @inline(__always)
    func maxTokens(_ index: Int) -> Int64 {
        if let maxTokens { max(Int64(maxTokens[index]), output(index)) } else { output(index) }
    }

    @inline(__always)
    func rank(_ index: Int) -> Int64 {
        if let rank { rank[index] } else { Int64(index) }
    }

    /// Whether the request has left, and only its place in the order of arrival is still there.
    @inline(__always)
    func isGone(_ index: Int) -> Bool {
        if let rank { rank[index] < 0 } else { false }
    }

    @inline(__always)
    func id(_ index: Int) -> Int64 {
        if let ids { ids[index] } else { Int64(index) }
    }

    @inline(__always)
    func arrival(_ index: Int) -> Nanoseconds {
        if let arrivalTime { Nanoseconds(validSeconds: arrivalTime[index]) } else { .zero }
    }
}

extension RequestColumns {
    /// A request is looked at soon, by an engine that finds it somewhere else in memory than the one before: its first hash
    /// ids, too, are asked for beforehand.
    @inline(__always)
    func prefetch(_ index: Int) {
        if let promptLength { cbatching_prefetch(promptLength + index) }
        if let outputLength { cbatching_prefetch(outputLength + index) }
        guard let prefixHashes else { return }
        let begin = Int(prefixHashes.begins[index])
        let count = min(Int(prefixHashes.ends[index]) &- begin, 64)
        var place = 0
        while place < count {
            cbatching_prefetch(prefixHashes.ids + (begin &+ place))
            place &+= 8
        }
    }

    /// Checks the columns that only an engine looks at, of requests that were surveyed.
    /// - Complexity: O(`count`) where they are given.
    func checkEnds() throws(BatchingError) {
        if let maxTokens {
            for index in 0..<count where Int64(maxTokens[index]) < output(index) {
                throw .invalid(
                    "max_tokens", index, maxTokens[index],
                    "must be at least output_length[\(index)], which is \(output(index))")
            }
        }
        if let abortTime {
            for index in 0..<count where !abortTime[index].isNaN {
                let time = abortTime[index]
                guard Nanoseconds.holds(time) else {
                    throw .invalid("abort_time", index, time, Nanoseconds.requirement)
                }
                guard Nanoseconds(validSeconds: time) >= arrival(index) else {
                    throw .invalid(
                        "abort_time", index, time,
                        "must not be before arrival_time[\(index)], which is \(arrival(index).seconds)")
                }
            }
        }
    }
}

/// What one pass over valid requests tells.
struct RequestSurvey {
    /// Output tokens.
    var totalTokens: Int64
    var longestPrompt: Int64
    var longestOutput: Int64
    var lastArrival: Nanoseconds
    var isInOrderOfArrival: Bool
}

extension RequestColumns {
    /// Checks every element, so that nothing after this can meet a bad one.
    /// - Complexity: O(`count`), at the speed of memory.
    func survey() throws(BatchingError) -> RequestSurvey {
        try Validation.count(count, "requests.count")
        var survey = RequestSurvey(
            totalTokens: Int64(count), longestPrompt: 0, longestOutput: 1, lastArrival: .zero, isInOrderOfArrival: true)
        if let promptLength {
            let lengths = try Validation.lengths(promptLength, count, atLeast: 0, "prompt_length")
            survey.longestPrompt = max(0, Int64(lengths.largest))
        }
        if let outputLength {
            let lengths = try Validation.lengths(outputLength, count, atLeast: 1, "output_length")
            survey.totalTokens = lengths.sum
            survey.longestOutput = max(1, Int64(lengths.largest))
        }
        if let arrivalTime {
            let times = try Validation.times(arrivalTime, count, "arrival_time")
            survey.isInOrderOfArrival = times.areInOrder
            survey.lastArrival = Nanoseconds(validSeconds: times.largest)
        }
        return survey
    }
}
