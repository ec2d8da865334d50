/// The columns that a fleet fills, from what its replicas tell.
struct FleetOutputs: ~Copyable {
    let results: ResultColumns
    let columns: FleetColumns
    private(set) var lastCompletion = Nanoseconds.zero
    /// Completions, in order.
    private var completed = 0

    init(_ results: ResultColumns, _ columns: FleetColumns) {
        self.results = results
        self.columns = columns
    }

    /// What stands there of a request to which nothing happens: written when nothing can fail any more but the run itself.
    /// - Parameter isClosed: whether when they are sent depends on the run.
    mutating func begin(_ requests: RequestColumns, isClosed: Bool) throws(BatchingError) {
        let count = requests.count
        try results.startTime?.fill(.nan, count: count)
        try results.firstTokenTime?.fill(.nan, count: count)
        try results.endTime?.fill(.nan, count: count)
        try results.tokensGenerated?.fill(0, count: count)
        try results.completionOrder?.fill(-1, count: count)
        try results.preemptions?.fill(0, count: count)
        try results.prefixCachedTokens?.fill(0, count: count)
        try results.status?.fill(RequestStatus.unfinished.rawValue, count: count)
        if isClosed {
            try results.arrivalTime?.fill(.nan, count: count)
            try results.sentTime?.fill(.nan, count: count)
        } else {
            try results.writeArrivals(requests)
        }
        try columns.replica?.fill(-1, count: count)
        try columns.routedTime?.fill(.nan, count: count)
    }

    @inline(__always)
    mutating func note(_ event: RunEvent, _ kind: LiveEngineEvent) {
        let request = Int(event.id)
        switch kind {
        case .admitted:
            results.startTime?[request] = event.time.seconds
            results.prefixCachedTokens?[request] = event.tokens
        case .firstToken: results.firstTokenTime?[request] = event.time.seconds
        case .preempted: results.preemptions?[request] &+= 1
        case .resumed: break
        case .finished:
            results.endTime?[request] = event.time.seconds
            results.tokensGenerated?[request] = event.tokens
            results.status?[request] = RequestStatus.finished.rawValue
            results.completionOrder?[completed] = event.id
            completed &+= 1
            lastCompletion = max(lastCompletion, event.time)
        case .rejected: results.status?[request] = event.tokens
        case .aborted:
            results.endTime?[request] = event.time.seconds
            results.tokensGenerated?[request] = event.tokens
            results.status?[request] = RequestStatus.aborted.rawValue
        }
    }

    /// It is left at the end, with so many tokens: nothing could go on.
    mutating func noteLeft(_ request: Int, tokens: Int32) {
        results.tokensGenerated?[request] = tokens
        results.status?[request] = RequestStatus.stuck.rawValue
    }
}
