/// A request of an engine that runs on.
struct LiveRow: BitwiseCopyable {
    var id: Int64 = 0
    /// How many were submitted before it.
    var rank: Int64 = 0
    var prompt: Int32 = 0
    var output: Int32 = 1
    /// 0: none was given, so that it is always the output.
    var maxTokens: Int32 = 0
    /// Seconds.
    var arrival = 0.0
    var priority: Int32 = 0
    var tieBreak: Int64 = 0
    /// Seconds; not-a-number before that.
    var start = Double.nan
    var firstToken = Double.nan
    var cachedTokens: Int32 = 0

    /// Bytes of one.
    static let size = 68

    mutating func code(_ coder: inout some ByteCoder) throws(BatchingError) {
        try coder.code(&id)
        try coder.code(&rank, from: 0, to: .max)
        try coder.code(&prompt, from: 0, to: .max)
        try coder.code(&output, from: 1, to: .max)
        try coder.code(&maxTokens, from: 0, to: .max)
        guard maxTokens == 0 || maxTokens >= output else {
            throw .corrupt("a request has more tokens than were asked for")
        }
        try coder.code(seconds: &arrival)
        try coder.code(&priority)
        try coder.code(&tieBreak)
        try coder.code(seconds: &start, orNaN: true)
        try coder.code(seconds: &firstToken, orNaN: true)
        try coder.code(&cachedTokens, from: 0, to: .max)
    }
}
