/// How many tokens requests still have to generate.
public enum RemainingTokens {
    /// How many tokens each request still has to generate: max(0, outputLength - tokensGenerated).
    ///
    /// Writes nothing if it throws: every output length must be at least 1, every count of tokens at least 0.
    /// - Complexity: O(`count`).
    public static func calculate(
        count: Int, outputLength: UnsafePointer<Int32>, tokensGenerated: UnsafePointer<Int32>,
        into remaining: UnsafeMutablePointer<Int32>
    ) throws(BatchingError) {
        try Validation.count(count, "count")
        try Validation.lengths(outputLength, count, atLeast: 1, "output_length")
        try Validation.lengths(tokensGenerated, count, atLeast: 0, "tokens_generated")
        try Work.inPieces(of: count) { piece in
            for index in piece { remaining[index] = max(0, outputLength[index] &- tokensGenerated[index]) }
        }
    }
}
