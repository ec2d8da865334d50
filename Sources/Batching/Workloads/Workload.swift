/// Seeded synthetic requests in order of arrival: a Poisson process and uniform lengths, unless said otherwise.
public struct Workload {
    /// Same seed, same requests.
    public var seed: UInt64 = 42
    /// When requests, or sessions, arrive.
    public var arrivals = ArrivalProcess()
    /// How long prompts are.
    public var promptLength = LengthDistribution(50...200)
    /// How long outputs are.
    public var outputLength = LengthDistribution(20...500)
    /// What empirical lengths are drawn from.
    public var samples = LengthSamples()
    /// What prompts have in common.
    public var prefixes = SharedPrefixes()
    /// Conversations of several turns.
    public var sessions = Sessions()
    /// Tokens that one hash id stands for; at least 1.
    public var hashBlockSize: Int32 = 16

    /// All as by default.
    public init() {}

    func stream(_ purpose: RandomStream.Purpose) -> RandomStream { RandomStream(seed: seed, purpose: purpose) }

    func validate() throws(BatchingError) {
        try arrivals.validate()
        try promptLength.validate("prompt_length", atLeast: 0)
        try outputLength.validate("output_length", atLeast: 1)
        try samples.validate(
            prompts: promptLength.kind == .empirical, outputs: outputLength.kind == .empirical)
        try prefixes.validate()
        try sessions.validate()
        guard hashBlockSize >= 1 else { throw .invalid("hash_block_size", hashBlockSize, "must be at least 1") }
    }

    var promptLengths: LengthStream {
        let isJoint = samples.areJoint && outputLength.kind == .empirical && promptLength.kind == .empirical
        return LengthStream(
            promptLength, stream(isJoint ? .samples : .promptLengths), sample: samples.promptLength,
            sampleCount: samples.count)
    }

    var outputLengths: LengthStream {
        let isJoint = samples.areJoint && outputLength.kind == .empirical && promptLength.kind == .empirical
        return LengthStream(
            outputLength, stream(isJoint ? .samples : .outputLengths), sample: samples.outputLength,
            sampleCount: samples.count)
    }

    /// Fills columns of `count` elements; nil is not wanted. Writes nothing if it throws.
    ///
    /// The first n requests are the same for every count, and whether one column is wanted changes no other.
    /// - Complexity: O(`count`); with sessions O(log of those that go on) a request, and 40 bytes for each of those.
    public func generate(
        count: Int, promptLength: UnsafeMutablePointer<Int32>?, outputLength: UnsafeMutablePointer<Int32>?,
        arrivalTime: UnsafeMutablePointer<Double>?
    ) throws(BatchingError) {
        try Validation.count(count, "count")
        try validate()
        if sessions.haveTurns || prefixes.groups > 0 {
            // Once without writing: nothing is written if a time or a length is beyond its type, or
            // memory runs out.
            var queue = try TurnQueue()
            for pass in 0..<2 {
                try forEachRequest(count, &queue) { index, request in
                    if pass == 0 { return }
                    promptLength?[index] = request.prompt
                    outputLength?[index] = request.output
                    arrivalTime?[index] = request.arrival.seconds
                }
            }
            return
        }
        if let arrivalTime {
            if mayPassTheClock(count) { try forEachArrival(count) { _, _ in } }
            try forEachArrival(count) { index, arrival in arrivalTime[index] = arrival.seconds }
        }
        if let promptLength { try fill(promptLength, count, promptLengths) }
        if let outputLength { try fill(outputLength, count, outputLengths) }
    }

    func beyondTheClock(_ index: Int) -> BatchingError {
        BatchingError(
            .overflow, "arrival_rate is \(arrivals.rate): request \(index) would arrive after 9223372036 seconds")
    }

    /// Whether the last arrival may be beyond the clock. Only Poisson gaps of one rate are bounded tightly enough to tell.
    private func mayPassTheClock(_ count: Int) -> Bool {
        guard arrivals.gaps == .poisson, arrivals.ramp == .none, arrivals.offTime == 0 else { return true }
        let longestGap = RandomStream.longestExponential * Double(arrivals.burstSize) / arrivals.rate
        return longestGap * Double(count) >= Nanoseconds.maximumSeconds / 2
    }

    @inline(__always)
    private func forEachArrival(_ count: Int, _ body: (Int, Nanoseconds) -> Void) throws(BatchingError) {
        var clock = ArrivalClock(arrivals, stream(.arrivals))
        for index in 0..<count {
            try Work.row(index)
            guard let arrival = clock.next() else { throw beyondTheClock(index) }
            body(index, arrival)
        }
    }

    private func fill(
        _ column: UnsafeMutablePointer<Int32>, _ count: Int, _ lengths: LengthStream
    ) throws(BatchingError) {
        var lengths = lengths
        for index in 0..<count {
            try Work.row(index)
            column[index] = lengths.next()
        }
    }
}

/// Borrowed columns of lengths, of a trace for example, from which empirical lengths are drawn.
public struct LengthSamples {
    /// Elements of each column.
    public var count = 0
    /// Tokens, each at least 0.
    public var promptLength: UnsafePointer<Int32>?
    /// Tokens, each at least 1.
    public var outputLength: UnsafePointer<Int32>?
    /// Whether a request's prompt and output are those of one sample.
    public var areJoint = true

    /// None.
    public init() {}

    func validate(prompts: Bool, outputs: Bool) throws(BatchingError) {
        guard prompts || outputs else { return }
        guard count >= 1, count <= RequestColumns.maximumCount else {
            throw .invalid("sample_count", count, "must be between 1 and \(RequestColumns.maximumCount)")
        }
        if prompts {
            guard let promptLength else { throw LengthSamples.missing("sample_prompt_length") }
            try Validation.lengths(promptLength, count, atLeast: 0, "sample_prompt_length")
        }
        if outputs {
            guard let outputLength else { throw LengthSamples.missing("sample_output_length") }
            try Validation.lengths(outputLength, count, atLeast: 1, "sample_output_length")
        }
    }

    private static func missing(_ name: StaticString) -> BatchingError {
        BatchingError(.nullPointer, "\(name) is NULL: it is required where the length is empirical")
    }
}

/// Groups of requests whose prompts begin with the same tokens.
public struct SharedPrefixes: Equatable, Sendable {
    /// 0: none.
    public var groups: Int32 = 0
    /// Tokens that the requests of a group share.
    public var length: Int32 = 0
    /// Group g, from 0, is chosen in proportion to (g + 1)^-exponent: in 0...64.
    public var exponent = 0.0

    /// None.
    public init() {}

    func validate() throws(BatchingError) {
        guard groups >= 0 else { throw .invalid("prefix_groups", groups, "must be at least 0") }
        guard length >= 0 else { throw .invalid("prefix_length", length, "must be at least 0") }
        guard (0...64).contains(exponent) else {
            throw .invalid("prefix_exponent", exponent, "must be between 0 and 64")
        }
    }
}

/// Conversations: each turn is a request whose prompt is everything before it.
public struct Sessions: Equatable, Sendable {
    /// The fewest turns of a session; at least 1.
    public var turnsMinimum: Int32 = 1
    /// The most turns of a session.
    public var turnsMaximum: Int32 = 1
    /// The time between two turns.
    public var thinkTimes = ThinkTimes()
    /// Where that begins. `false`: at a turn's arrival, so that requests are in order of arrival, sessions mixed. `true`: at
    /// its end, which only the engine knows: think times are delays, the turns of a session follow each other, and all
    /// have the arrival of the first.
    public var areClosed = false

    /// Sessions of one turn.
    public init() {}

    var haveTurns: Bool { turnsMaximum > 1 }

    func validate() throws(BatchingError) {
        guard turnsMinimum >= 1 else { throw .invalid("turns_min", turnsMinimum, "must be at least 1") }
        guard turnsMaximum >= turnsMinimum else {
            throw .invalid("turns_max", turnsMaximum, "must be at least turns_min, which is \(turnsMinimum)")
        }
        try thinkTimes.validate()
    }
}
