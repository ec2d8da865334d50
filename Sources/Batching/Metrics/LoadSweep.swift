/// How many requests do what at one instant.
struct LoadState: Equatable {
    var running: Int64 = 0
    var waiting: Int64 = 0
    /// Prompt and output tokens of those running.
    var tokens: Int64 = 0
    /// Of those running: those that have their last token.
    var held: Int64 = 0
}

/// One column of times in order, from which the rows are taken as they come due.
protocol LoadEvents {
    /// Nanoseconds.
    static func time(_ columns: ServedColumns, _ index: Int) -> Int64
    /// What the row changes.
    static func apply(_ columns: ServedColumns, _ index: Int, _ state: inout LoadState)
}

enum ArrivalEvents: LoadEvents {
    @inline(__always)
    static func time(_ columns: ServedColumns, _ index: Int) -> Int64 { columns.arrival(index) }

    @inline(__always)
    static func apply(_ columns: ServedColumns, _ index: Int, _ state: inout LoadState) { state.waiting &+= 1 }
}

enum StartEvents: LoadEvents {
    @inline(__always)
    static func time(_ columns: ServedColumns, _ index: Int) -> Int64 { columns.start(index) }

    @inline(__always)
    static func apply(_ columns: ServedColumns, _ index: Int, _ state: inout LoadState) {
        state.waiting &-= 1
        state.running &+= 1
        state.tokens &+= columns.tokens(index)
    }
}

enum LastTokenEvents: LoadEvents {
    @inline(__always)
    static func time(_ columns: ServedColumns, _ index: Int) -> Int64 { columns.lastToken(index) }

    @inline(__always)
    static func apply(_ columns: ServedColumns, _ index: Int, _ state: inout LoadState) { state.held &+= 1 }
}

enum EndEvents: LoadEvents {
    @inline(__always)
    static func time(_ columns: ServedColumns, _ index: Int) -> Int64 { columns.end(index) }

    @inline(__always)
    static func apply(_ columns: ServedColumns, _ index: Int, _ state: inout LoadState) {
        state.running &-= 1
        state.held &-= 1
        state.tokens &-= columns.tokens(index)
    }
}

/// A walk over one column in order of time. Each column is put in order by itself: how many run is how many have started
/// less how many have ended, and which is of no interest.
struct EventCursor<Events: LoadEvents>: ~Copyable {
    private let columns: ServedColumns
    /// nil: the rows are given in order.
    private let sorted: TimeOrder?
    private var position = 0
    /// When the next row comes due; `Int64.max` if none is left.
    private(set) var next = Int64.max

    /// - Parameter areInOrder: whether the times of the rows that are not left out never fall.
    init(_ columns: ServedColumns, areInOrder: Bool) throws(BatchingError) {
        sorted = areInOrder ? nil : try TimeOrder(sorting: EventTimes<Events>(columns: columns), count: columns.count)
        self.columns = columns
        findNext()
    }

    @inline(__always)
    private func index(at position: Int) -> Int {
        switch sorted {
        case .some(let sorted): sorted.order[position]
        case .none: position
        }
    }

    @inline(__always)
    private mutating func findNext() {
        while position < columns.count {
            let index = index(at: position)
            if columns.isIncluded(index) {
                next = Events.time(columns, index)
                return
            }
            position &+= 1
        }
        next = Int64.max
    }

    /// Takes all rows that are due.
    @inline(__always)
    mutating func advance(to now: Int64, _ state: inout LoadState) {
        while next <= now {
            Events.apply(columns, index(at: position), &state)
            position &+= 1
            findNext()
        }
    }
}

/// The times of all rows; 0 for those left out, which the walk passes over.
private struct EventTimes<Events: LoadEvents>: IntegerColumn {
    let columns: ServedColumns

    @inline(__always)
    subscript(index: Int) -> Int64 { columns.isIncluded(index) ? Events.time(columns, index) : 0 }
}

/// Which columns are in order, and from when to when there are requests.
struct LoadSurvey {
    var included: Int64 = 0
    var firstArrival = Int64.max
    var lastEnd: Int64 = 0
    var arrivalsAreInOrder = true
    var startsAreInOrder = true
    var lastTokensAreInOrder = true
    var endsAreInOrder = true

    /// Throws at the first request that is not valid.
    init(_ columns: ServedColumns) throws(BatchingError) {
        try columns.validate()
        var (arrival, start, lastToken, end) = (Int64(0), Int64(0), Int64(0), Int64(0))
        for index in 0..<columns.count {
            try Work.row(index)
            guard columns.isIncluded(index) else { continue }
            included &+= 1
            let nextArrival = columns.arrival(index)
            let nextStart = columns.start(index)
            let nextLastToken = columns.lastToken(index)
            let nextEnd = columns.end(index)
            arrivalsAreInOrder = arrivalsAreInOrder && arrival <= nextArrival
            startsAreInOrder = startsAreInOrder && start <= nextStart
            lastTokensAreInOrder = lastTokensAreInOrder && lastToken <= nextLastToken
            endsAreInOrder = endsAreInOrder && end <= nextEnd
            (arrival, start, lastToken, end) = (nextArrival, nextStart, nextLastToken, nextEnd)
            firstArrival = min(firstArrival, nextArrival)
            lastEnd = max(lastEnd, nextEnd)
        }
    }
}
