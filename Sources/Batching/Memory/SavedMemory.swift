/// KV blocks that can be copied with what is cached, and become bytes.
protocol SavedMemory: BlockMemory, ~Copyable {
    /// Writes what does not follow from the members that run.
    /// - Parameter slot: of each of them, in order of admission.
    mutating func write(to writer: inout ByteWriter, members: Int, slot: (Int) -> Int) throws(BatchingError)
    /// Reads it, and gives the members their blocks. It is new, but that the members which decode have joined.
    /// - Parameters:
    ///   - running: members, in the first slots, in order of admission.
    ///   - held: tokens for which each holds blocks.
    mutating func read(
        _ reader: inout ByteReader, _ members: UnsafePointer<Member>, running: Int, held: UnsafePointer<Int64>
    ) throws(BatchingError)

    /// Takes over, from an otherwise equal memory, what is cached.
    mutating func copyCache(_ other: borrowing Self) throws(BatchingError)
    /// Has an otherwise equal memory use, and change, what is cached here.
    mutating func lendCache(to other: inout Self) throws(BatchingError)
    /// What is cached is again as it was when it was lent.
    mutating func takeCacheBack(from other: inout Self)

    /// Blocks that members hold: those that several do, for each.
    func held(slots: Int) -> Int
    /// How many of those that decode have so many tokens in their last block, if it is not full.
    func decoding(withRest rest: Int) -> Int32
}

extension CountedBlocks: SavedMemory {}
extension CachedBlocks: SavedMemory {}
