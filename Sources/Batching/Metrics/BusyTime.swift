/// How long at least one request was being processed: the length of the union of all [start, end], cut to [0, limit].
enum BusyTime {
    /// - Complexity: O(count) if the starts or the ends do not decrease, without memory; else a sort by start.
    static func ofUnion(
        _ completed: CompletedColumns, startsAreInOrder: Bool, endsAreInOrder: Bool, limit: Nanoseconds
    ) throws(BatchingError) -> Nanoseconds {
        if startsAreInOrder {
            return try byStart(completed, GivenOrder(), limit)
        }
        if endsAreInOrder {
            return try byDescendingEnd(completed, limit)
        }
        let byTime = try TimeOrder(sorting: completed.startTime, count: completed.count)
        return try byStart(completed, byTime.order, limit)
    }

    private static func byStart(
        _ completed: CompletedColumns, _ order: some RowOrder, _ limit: Nanoseconds
    ) throws(BatchingError) -> Nanoseconds {
        var busy = Nanoseconds.zero
        /// Everything before this has been added.
        var frontier = Nanoseconds.zero
        try Work.rows(of: completed.count) { position in
            let index = order[position]
            let start = max(completed.start(index), frontier)
            let end = min(completed.end(index), limit)
            if end > start {
                busy = busy + (end - start)
                frontier = end
            }
        }
        return busy
    }

    /// The same from the other end of time.
    private static func byDescendingEnd(
        _ completed: CompletedColumns, _ limit: Nanoseconds
    ) throws(BatchingError) -> Nanoseconds {
        var busy = Nanoseconds.zero
        /// Everything after this has been added.
        var frontier = limit
        let last = completed.count - 1
        try Work.rows(of: completed.count) { position in
            let index = last - position
            let start = completed.start(index)
            let end = min(completed.end(index), frontier)
            if end > start {
                busy = busy + (end - start)
                frontier = start
            }
        }
        return busy
    }
}
