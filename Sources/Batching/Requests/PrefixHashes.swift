/// What is in the requests, block by block, as borrowed columns of chained hashes: two requests have the same id at the
/// same place only if all their tokens up to the end of that place are the same.
public struct PrefixHashes {
    let ids: UnsafePointer<Int64>
    /// Where in `ids` those of each request begin, and where they end.
    let begins: UnsafePointer<Int64>
    let ends: UnsafePointer<Int64>
    /// Tokens that one id stands for; 0: one KV block.
    let blockSize: Int
    let coversOutput: Bool

    /// Whether an id stands for whole KV blocks, or a KV block has whole ids.
    static func fits(blockSize: Int64, kvBlockSize: Int64) -> Bool {
        blockSize == 0 || blockSize > 0 && (blockSize % kvBlockSize == 0 || kvBlockSize % blockSize == 0)
    }

    static func check(blockSize: Int64, kvBlockSize: Int64) throws(BatchingError) {
        guard fits(blockSize: blockSize, kvBlockSize: kvBlockSize) else {
            throw .invalid(
                "hash_block_size", blockSize, "must be a multiple of block_size, which is \(kvBlockSize), or divide it")
        }
    }

    /// - Parameters:
    ///   - ids: those of all requests, one after the other: `offsets[count]` elements.
    ///   - offsets: `count + 1` elements from 0, never falling: where the ids of each request begin.
    ///   - blockSize: tokens that one id stands for; 0: one KV block.
    ///   - coversOutput: whether the ids go on over the output.
    public init(
        ids: UnsafePointer<Int64>, offsets: UnsafePointer<Int64>, blockSize: Int = 0, coversOutput: Bool = false
    ) {
        self.init(ids: ids, begins: offsets, ends: offsets + 1, blockSize: blockSize, coversOutput: coversOutput)
    }

    init(
        ids: UnsafePointer<Int64>, begins: UnsafePointer<Int64>, ends: UnsafePointer<Int64>, blockSize: Int,
        coversOutput: Bool
    ) {
        self.ids = ids
        self.begins = begins
        self.ends = ends
        self.blockSize = blockSize
        self.coversOutput = coversOutput
    }

    /// Throws unless the offsets begin at 0 and never fall.
    func check(count: Int) throws(BatchingError) {
        guard begins[0] == 0 else { throw .invalid("hash_offsets", 0, begins[0], "must be 0") }
        for index in 0..<count {
            try Work.row(index)
            guard ends[index] < begins[index] else { continue }
            throw .invalid(
                "hash_offsets", index + 1, ends[index],
                "must not be smaller than hash_offsets[\(index)], which is \(begins[index])")
        }
    }
}
