import CBatchingThread

/// Work that has been done, so that the caller may stop it. There is no clock: rows are counted, and after every so
/// many the callback of the thread is asked.
enum Work {
    /// Rows after which a loop counts them.
    static let piece = 1 << 13
    /// What an iteration of an engine counts.
    static let iteration: Int64 = 8
    /// From one call of the callback to the next.
    static let interval = Int64(CBATCHING_WORK_INTERVAL)

    /// Counts `units` of work, each of at most some tens of nanoseconds. Throws if the callback wants no more.
    @inline(never)
    static func done(_ units: Int64) throws(BatchingError) {
        if cbatching_work_done(min(units, interval)) != 0 { throw interrupted }
    }

    /// Counts so many iterations, and `rows` beside.
    static func done(iterations: Int64, rows: Int = 0) throws(BatchingError) {
        try done(min(iterations, interval) &* iteration &+ min(Int64(rows), interval))
    }

    /// Counts the rows of a loop: called for each of them, with 0, 1, 2, …
    @inline(__always)
    static func row(_ index: Int) throws(BatchingError) {
        if index & (piece - 1) == piece - 1 { try done(Int64(piece)) }
    }

    /// The same for a loop that must not be broken up: `body` gets one piece of 0..<`count` after the other. Like the rows
    /// of `row`, those of a last piece that is not full are not counted.
    @inline(__always)
    static func inPieces(
        of count: Int, _ body: (Range<Int>) throws(BatchingError) -> Void
    ) throws(BatchingError) {
        var start = 0
        while start < count {
            let end = min(start &+ piece, count)
            try body(start..<end)
            if end &- start == piece { try done(Int64(piece)) }
            start = end
        }
    }

    /// The same for a loop that asks nothing of its rows but their order.
    @inline(__always)
    static func rows(of count: Int, _ body: (Int) throws(BatchingError) -> Void) throws(BatchingError) {
        try inPieces(of: count) { (piece: Range<Int>) throws(BatchingError) in
            for index in piece { try body(index) }
        }
    }

    /// The same for some of the rows, which the caller counts if they are no more than a piece.
    @inline(__always)
    static func inPieces(
        of rows: Range<Int>, _ body: (Range<Int>) throws(BatchingError) -> Void
    ) throws(BatchingError) {
        if rows.count <= piece { return try body(rows) }
        try inPieces(of: rows.count) { (piece: Range<Int>) throws(BatchingError) in
            try body(rows.lowerBound &+ piece.lowerBound..<rows.lowerBound &+ piece.upperBound)
        }
    }

    private static var interrupted: BatchingError { .cancelled("the interrupt callback stopped the call") }
}

/// Stops calls of a thread that take long: see batching_interrupt_set in the C header.
public enum Interruption {
    /// From now on `callback` is called, in the calling thread, after a bounded amount of work of each call; one that
    /// returns anything but 0 stops the call, which throws that it was cancelled. nil: none is called.
    /// - Returns: the one that was set before.
    @discardableResult
    public static func set(
        _ callback: (@convention(c) (UnsafeMutableRawPointer?) -> Int32)?, userData: UnsafeMutableRawPointer? = nil
    ) -> (@convention(c) (UnsafeMutableRawPointer?) -> Int32)? {
        cbatching_interrupt_set(callback, userData)
    }
}
