/// How many tokens a KV block holds, and the arithmetic of blocks.
struct BlockSize {
    let tokens: Int64
    /// log2 of `tokens` if that is a power of two, as it nearly always is; otherwise -1.
    private let shift: Int64

    /// - Parameter tokens: at least 1.
    init(_ tokens: Int64) {
        self.tokens = tokens
        shift = tokens & (tokens &- 1) == 0 ? Int64(tokens.trailingZeroBitCount) : -1
    }

    /// Full blocks in this many tokens.
    @inline(__always)
    func full(_ count: Int64) -> Int {
        if shift >= 0 { return Int(truncatingIfNeeded: count &>> shift) }
        return divided(count).quotient
    }

    /// Blocks that hold this many tokens.
    @inline(__always)
    func holding(_ count: Int64) -> Int { full(count &+ tokens &- 1) }

    /// Tokens in the last, partial block.
    @inline(__always)
    func rest(_ count: Int64) -> Int {
        if shift >= 0 { return Int(truncatingIfNeeded: count & (tokens &- 1)) }
        return divided(count).remainder
    }

    @inline(never)
    private func divided(_ count: Int64) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = UInt64(bitPattern: count).quotientAndRemainder(
            dividingBy: UInt64(bitPattern: max(1, tokens)))
        return (Int(truncatingIfNeeded: quotient), Int(truncatingIfNeeded: remainder))
    }
}
