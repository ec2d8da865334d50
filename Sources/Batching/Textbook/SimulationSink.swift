/// What receives the course of a simulation. The simulators are compiled once for each kind, so that what is not wanted
/// costs nothing.
protocol SimulationSink {
    /// The request at `index` joins a batch.
    mutating func admit(_ index: Int, start: Nanoseconds, firstToken: Nanoseconds, end: Nanoseconds)

    /// The requests at `positions` of `order` are one batch: they join it, and complete, together.
    mutating func runBatch(
        _ positions: Range<Int>, of order: some RowOrder, start: Nanoseconds, firstToken: Nanoseconds, end: Nanoseconds)

    /// The request at `index` has its last token. Called in order of completion, ties in order of admission.
    mutating func complete(_ index: Int)
}

/// Fills the caller's columns.
struct ColumnSink: SimulationSink {
    let requests: RequestColumns
    let columns: ResultColumns
    private var completed = 0

    init(requests: RequestColumns, columns: ResultColumns) {
        self.requests = requests
        self.columns = columns
    }

    @inline(__always)
    mutating func admit(_ index: Int, start: Nanoseconds, firstToken: Nanoseconds, end: Nanoseconds) {
        columns.startTime?[index] = start.seconds
        columns.firstTokenTime?[index] = firstToken.seconds
        columns.endTime?[index] = end.seconds
    }

    @inline(__always)
    mutating func runBatch(
        _ positions: Range<Int>, of order: some RowOrder, start: Nanoseconds, firstToken: Nanoseconds, end: Nanoseconds
    ) {
        fill(columns.startTime, positions, order, start.seconds)
        fill(columns.firstTokenTime, positions, order, firstToken.seconds)
        fill(columns.endTime, positions, order, end.seconds)
        if let column = columns.completionOrder {
            for position in positions { column[position] = Int64(order[position]) }
        }
    }

    /// Fills the columns that are known without a simulation.
    func fillKnown() throws(BatchingError) {
        if let output = requests.outputLength {
            try columns.tokensGenerated?.copy(output, count: requests.count)
        } else {
            try columns.tokensGenerated?.fill(1, count: requests.count)
        }
        try columns.preemptions?.fill(0, count: requests.count)
        try columns.prefixCachedTokens?.fill(0, count: requests.count)
        try columns.status?.fill(RequestStatus.finished.rawValue, count: requests.count)
        try columns.writeArrivals(requests)
    }

    /// A loop of its own for each column, so that each is one run of vector stores.
    @inline(__always)
    private func fill(
        _ column: UnsafeMutablePointer<Double>?, _ positions: Range<Int>, _ order: some RowOrder, _ value: Double
    ) {
        if let column {
            for position in positions { column[order[position]] = value }
        }
    }

    @inline(__always)
    mutating func complete(_ index: Int) {
        columns.completionOrder?[completed] = Int64(index)
        completed &+= 1
    }
}

/// Adds up the latencies, exactly: at most 2^31 requests of at most 2^63 nanoseconds.
struct LatencySumSink: SimulationSink {
    let requests: RequestColumns
    private(set) var sum: Int128 = 0

    init(requests: RequestColumns) {
        self.requests = requests
    }

    @inline(__always)
    mutating func admit(_ index: Int, start: Nanoseconds, firstToken: Nanoseconds, end: Nanoseconds) {
        sum &+= Int128((end - requests.arrival(index)).count)
    }

    @inline(__always)
    mutating func runBatch(
        _ positions: Range<Int>, of order: some RowOrder, start: Nanoseconds, firstToken: Nanoseconds, end: Nanoseconds
    ) {
        for position in positions {
            admit(order[position], start: start, firstToken: firstToken, end: end)
        }
    }

    @inline(__always)
    mutating func complete(_ index: Int) {}
}
