/// One request, as a learner sees it: a row. Everything that handles many requests takes columns.
public struct Request: Equatable, Identifiable, Sendable {
    /// What the caller calls it.
    public var id: Int
    /// Tokens; at least 0.
    public var promptLength: Int
    /// Tokens to generate; at least 1.
    public var outputLength: Int
    /// Seconds.
    public var arrivalTime: Double
    /// Seconds at which it joined a batch. nil: not yet.
    public var startTime: Double?
    /// Seconds at which it left the batch. nil: not yet.
    public var endTime: Double?
    /// Tokens that it got.
    public var tokensGenerated: Int
    /// Seconds at which its first token was there. nil: unknown.
    public var firstTokenTime: Double?

    /// A request that has not been simulated, unless its times are given.
    public init(
        id: Int, promptLength: Int, outputLength: Int, arrivalTime: Double, startTime: Double? = nil,
        endTime: Double? = nil, tokensGenerated: Int = 0, firstTokenTime: Double? = nil
    ) {
        self.id = id
        self.promptLength = promptLength
        self.outputLength = outputLength
        self.arrivalTime = arrivalTime
        self.startTime = startTime
        self.endTime = endTime
        self.tokensGenerated = tokensGenerated
        self.firstTokenTime = firstTokenTime
    }

    /// Whether all its tokens are there.
    public var isComplete: Bool { tokensGenerated >= outputLength }

    /// Tokens still to generate; never negative.
    public var remainingTokens: Int {
        let (difference, overflows) = outputLength.subtractingReportingOverflow(tokensGenerated)
        // Only an absurd pair of opposite signs overflows.
        return overflows ? (outputLength > 0 ? .max : 0) : max(0, difference)
    }
}
