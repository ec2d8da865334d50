#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The columns that a custom policy is shown, from some row on, and what the library keeps beside them.
struct PolicyColumns: BitwiseCopyable {
    /// Bytes of a row in all columns together.
    static let rowSize = 5 * 8 + 5 * 4 + 2

    let request: UnsafeMutablePointer<Int64>
    let arrivalTime: UnsafeMutablePointer<Double>
    let computedTokens: UnsafeMutablePointer<Int64>
    let kvBlocks: UnsafeMutablePointer<Int64>
    let tieBreak: UnsafeMutablePointer<Int64>
    let promptTokens: UnsafeMutablePointer<Int32>
    let generatedTokens: UnsafeMutablePointer<Int32>
    let priority: UnsafeMutablePointer<Int32>
    let oracleOutputTokens: UnsafeMutablePointer<Int32>
    /// The slot of its member; if it never ran, -1 - its index in the requests.
    let slot: UnsafeMutablePointer<Int32>
    /// Of the running: 1 unless it decodes and had its token in the last iteration, as most do.
    let catchesUp: UnsafeMutablePointer<UInt8>
    /// What an answer says of a row, while that is looked at; otherwise 0.
    let mark: UnsafeMutablePointer<UInt8>

    /// Of no memory: without rows, nothing is read there.
    static var none: PolicyColumns {
        PolicyColumns(UnsafeMutableRawPointer(bitPattern: 64).unsafelyUnwrapped, capacity: 0, first: 0)
    }

    /// - Parameters:
    ///   - block: `capacity` x `rowSize` bytes.
    ///   - capacity: a multiple of 8.
    ///   - first: the row that is 0 here.
    @inline(never)
    init(_ block: UnsafeMutableRawPointer, capacity: Int, first: Int) {
        var next = block
        func column<Element>(_: Element.Type) -> UnsafeMutablePointer<Element> {
            let column = next.assumingMemoryBound(to: Element.self)
            next += capacity &* MemoryLayout<Element>.stride
            return column + first
        }
        request = column(Int64.self)
        arrivalTime = column(Double.self)
        computedTokens = column(Int64.self)
        kvBlocks = column(Int64.self)
        tieBreak = column(Int64.self)
        promptTokens = column(Int32.self)
        generatedTokens = column(Int32.self)
        priority = column(Int32.self)
        oracleOutputTokens = column(Int32.self)
        slot = column(Int32.self)
        catchesUp = column(UInt8.self)
        mark = column(UInt8.self)
    }

    /// Tokens of a row that it has yet to compute before it generates another.
    @inline(__always)
    func uncomputed(_ row: Int) -> Int64 { known(row) &- computedTokens[row] }

    /// Tokens of a row that are known.
    @inline(__always)
    func known(_ row: Int) -> Int64 { Int64(promptTokens[row]) &+ Int64(generatedTokens[row]) }

    /// The index, in the requests, of a row that never ran.
    @inline(__always)
    func unserved(_ row: Int) -> Int { Int(~slot[row]) }

    /// Copies rows, which may overlap. Marks stay where they are.
    func copy(_ count: Int, from source: PolicyColumns, at row: Int, to target: Int) {
        memmove(request + target, source.request + row, count &* 8)
        memmove(arrivalTime + target, source.arrivalTime + row, count &* 8)
        memmove(computedTokens + target, source.computedTokens + row, count &* 8)
        memmove(kvBlocks + target, source.kvBlocks + row, count &* 8)
        memmove(tieBreak + target, source.tieBreak + row, count &* 8)
        memmove(promptTokens + target, source.promptTokens + row, count &* 4)
        memmove(generatedTokens + target, source.generatedTokens + row, count &* 4)
        memmove(priority + target, source.priority + row, count &* 4)
        memmove(oracleOutputTokens + target, source.oracleOutputTokens + row, count &* 4)
        memmove(slot + target, source.slot + row, count &* 4)
        memmove(catchesUp + target, source.catchesUp + row, count)
    }

    /// Takes out rows of `rows`, whose places are given in ascending order: those that are left close up towards the end.
    func closeUpwards(_ rows: Range<Int>, without removed: UnsafePointer<Int64>, _ count: Int) {
        var end = rows.upperBound
        for position in (0...count).reversed() {
            let first = position > 0 ? Int(removed[position &- 1]) &+ 1 : rows.lowerBound
            let distance = count &- position
            if distance > 0, first < end { copy(end &- first, from: self, at: first, to: first &+ distance) }
            end = first &- 1
        }
    }

    /// The same towards the beginning.
    func closeDownwards(_ rows: Range<Int>, without removed: UnsafePointer<Int64>, _ count: Int) {
        for position in 0..<count {
            let first = Int(removed[position]) &+ 1
            let end = position &+ 1 < count ? Int(removed[position &+ 1]) : rows.upperBound
            if first < end { copy(end &- first, from: self, at: first, to: first &- position &- 1) }
        }
    }
}
