/// The blocks of a prompt, each by an id that stands for all of the prompt up to its end: the hash ids of the request, or
/// hashes of its text.
struct PromptBlocks: ~Copyable {
    /// Valid during the call that took them.
    private(set) var ids: UnsafePointer<UInt64>
    private(set) var count: Int
    private var hashes: GrowableBuffer<UInt64>

    init() throws(BatchingError) {
        hashes = try GrowableBuffer<UInt64>(capacity: 0)
        ids = UnsafePointer(ScratchBuffer<UInt64>.nothing)
        count = 0
    }

    init(copying other: borrowing PromptBlocks, _ copy: inout DeepCopy) {
        // What they are of is gone when a call has ended.
        (ids, count) = (UnsafePointer(ScratchBuffer<UInt64>.nothing), 0)
        hashes = GrowableBuffer(copying: other.hashes, count: 0, &copy)
    }

    /// - Parameters:
    ///   - characters: of a block of text.
    ///   - most: blocks that are looked at.
    ///   - countsRest: whether characters after whole blocks are a block; a prompt without a whole block has none in any case.
    mutating func take(
        _ prompt: RoutedPrompt, characters: Int, most: Int, countsRest: Bool
    ) throws(BatchingError) {
        count = 0
        guard let elements = prompt.elements, prompt.count > 0 else { return }
        guard prompt.isText else {
            ids = elements
            count = min(prompt.count, most)
            return
        }
        if prompt.count < characters { return }
        let whole = prompt.count / characters
        let blocks = min(most, countsRest && whole &* characters < prompt.count ? whole &+ 1 : whole)
        try hashes.reserve(blocks)
        var hash = SipHash(HashKey())
        var uncounted = 0
        for block in 0..<blocks {
            uncounted &+= characters
            if uncounted >= Work.piece {
                try Work.done(Int64(uncounted))
                uncounted = 0
            }
            let end = min(prompt.count, block &* characters &+ characters)
            Self.add(elements, block &* characters, end, &hash)
            var finished = hash
            hashes.elements[block] = finished.finish()
        }
        ids = UnsafePointer(hashes.elements)
        count = blocks
    }

    /// Three characters a word, each plus 1, so that characters that are not there differ from those that are 0.
    @inline(__always)
    private static func add(_ characters: UnsafePointer<UInt64>, _ start: Int, _ end: Int, _ hash: inout SipHash) {
        var place = start
        while place &+ 3 <= end {
            let low = (characters[place] &+ 1) | (characters[place &+ 1] &+ 1) &<< 21
            hash.add(low | (characters[place &+ 2] &+ 1) &<< 42)
            place &+= 3
        }
        if place == end { return }
        hash.add((characters[place] &+ 1) | (place &+ 1 < end ? (characters[place &+ 1] &+ 1) &<< 21 : 0))
    }
}
