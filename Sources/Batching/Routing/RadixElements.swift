/// Elements of a prompt: characters as bytes, or 64 bits each.
struct RadixElements {
    let words: UnsafePointer<UInt64>?
    /// Instead of words.
    let bytes: UnsafePointer<UInt8>?
    let count: Int

    init(words: UnsafePointer<UInt64>?, bytes: UnsafePointer<UInt8>? = nil, count: Int) {
        (self.words, self.bytes, self.count) = (words, bytes, count)
    }

    init(_ prompt: RoutedPrompt) {
        self.init(words: prompt.elements, bytes: prompt.ascii, count: prompt.count)
    }

    @inline(__always)
    subscript(_ place: Int) -> UInt64 { words?[place] ?? bytes.map { UInt64($0[place]) } ?? 0 }

    /// Those after the first `skipped`, at most `most` of them.
    @inline(__always)
    func dropFirst(_ skipped: Int, most: Int = .max) -> RadixElements {
        RadixElements(
            words: words.map { $0 + skipped }, bytes: bytes.map { $0 + skipped }, count: min(count &- skipped, most))
    }

    /// By how many bits to shift the count for the count of bytes that hold them.
    var shift: UInt8 {
        guard let words else { return 0 }
        var all: UInt64 = 0
        for place in 0..<count { all |= words[place] }
        return all >> 8 == 0 ? 0 : all >> 16 == 0 ? 1 : all >> 32 == 0 ? 2 : 3
    }

    /// Counts the work of looking at each: see `Work`.
    func noteWork() throws(BatchingError) {
        if count >= Work.piece { try Work.done(Int64(count)) }
    }
}
