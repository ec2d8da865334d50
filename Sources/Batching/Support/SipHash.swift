/// SipHash-1-3 (Aumasson and Bernstein, INDOCRYPT 2012) of whole words: without the key, where a word goes is as good as
/// random.
struct SipHash: BitwiseCopyable {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64

    init(_ key: HashKey) {
        v0 = key.low ^ 0x736f_6d65_7073_6575
        v1 = key.high ^ 0x646f_7261_6e64_6f6d
        v2 = key.low ^ 0x6c79_6765_6e65_7261
        v3 = key.high ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    mutating func add(_ word: UInt64) {
        v3 ^= word
        mix()
        v0 ^= word
    }

    @inline(__always)
    mutating func finish() -> UInt64 {
        v2 ^= 0xff
        mix()
        mix()
        mix()
        return v0 ^ v1 ^ v2 ^ v3
    }

    @inline(__always)
    private mutating func mix() {
        v0 &+= v1
        v1 = v1 &<< 13 | v1 &>> 51
        v1 ^= v0
        v0 = v0 &<< 32 | v0 &>> 32
        v2 &+= v3
        v3 = v3 &<< 16 | v3 &>> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 &<< 21 | v3 &>> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 &<< 17 | v1 &>> 47
        v1 ^= v2
        v2 = v2 &<< 32 | v2 &>> 32
    }
}

/// By what a table hashes. There is no secret to be had, since the same input gives the same bytes: a table begins with a
/// quick hash that has no key. Only when many of its searches are long, which is no accident, it takes a key that comes
/// of all that is in it; what was chosen for the hash before is then spread as anything else. What is found never
/// depends on the key.
struct HashKey: BitwiseCopyable {
    private(set) var low: UInt64 = 0
    private(set) var high: UInt64 = 0
    private(set) var isSet = false
    /// The same for a hash that is a sum of products: odd.
    private(set) var multipliers: (UInt64, UInt64) = (0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93)
    /// Steps of long searches since it was taken.
    private var steps = 0

    /// A search of more steps is long. In a table that is half full one in a million million is.
    static var longSearch: Int { 64 }

    /// Whether it was renewed since it was as `other` is.
    func isNewer(than other: HashKey) -> Bool { low != other.low || high != other.high }

    /// Notes a long search.
    /// - Parameter size: what it costs to hash everything anew, in steps.
    /// - Returns: whether it is time for another key, also the first: long searches have cost what that costs.
    mutating func isWornOut(by steps: Int, size: Int) -> Bool {
        self.steps &+= steps
        return self.steps >= size
    }

    /// Takes the key that comes of what has been hashed, by the key before.
    mutating func renew(_ content: SipHash) {
        var (hash, other) = (content, content)
        low = hash.finish()
        other.add(1)
        high = other.finish()
        multipliers = (low | 1, high | 1)
        isSet = true
        steps = 0
    }
}
