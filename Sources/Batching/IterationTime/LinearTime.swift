/// How long iterations take in which the same sequences decode, and nothing else happens.
enum DecodeTime {
    /// Each the same.
    case even(Nanoseconds)
    /// It depends on the contexts alone.
    case linear(LinearTime)
    /// Only the caller knows.
    case asked
}

/// Base + a x context tokens, for contexts below `edge`.
struct LinearTime {
    /// Seconds, whatever the contexts.
    let base: Double
    /// Seconds a token that they attend to.
    let perContextToken: Double
    /// The least sum of contexts for which it is another line.
    var edge = Double.infinity

    /// Of one of them.
    @inline(__always)
    func seconds(context: Int64) -> Double { base + perContextToken * Double(context) }

    /// In how many iterations the contexts of so many sequences stay below the edge, one token an iteration longer each.
    /// - Parameter context: their sum in the first, which is below it.
    func iterations(from context: Int64, sequences: Int64) -> Int64 {
        guard edge < 0x1p62 else { return .max }
        let whole = Int64(edge)
        let least = Double(whole) < edge ? whole &+ 1 : whole
        return (least &- context &- 1) / sequences &+ 1
    }
}
