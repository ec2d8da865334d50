/// The columns that a fleet fills, from what its replicas tell.
struct FleetOutputs: ~Copyable {
    var results: ResultColumns
    var columns: FleetColumns
    /// Of a fleet that runs on.
    var events: FleetEvents
    private(set) var lastCompletion: Nanoseconds
    /// Completions, in order.
    private var completed: Int
    /// Decisions of the autoscaler.
    private(set) var scalings: Int
    /// Completions that were not told by the replica in which they decode.
    private(set) var finishedApart: Int64

    init(_ results: ResultColumns, _ columns: FleetColumns, keepsEvents: Bool = false) throws(BatchingError) {
        events = try FleetEvents(isUsed: keepsEvents)
        self.results = results
        self.columns = columns
        (lastCompletion, completed, scalings, finishedApart) = (.zero, 0, 0, 0)
    }

    init(copying other: borrowing FleetOutputs, _ copy: inout DeepCopy) {
        (results, columns) = (other.results, other.columns)
        events = FleetEvents(after: other.events, &copy)
        (lastCompletion, completed) = (other.lastCompletion, other.completed)
        (scalings, finishedApart) = (other.scalings, other.finishedApart)
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
        try columns.begin(count: count)
    }

    @inline(__always)
    mutating func note(_ event: RunEvent, _ kind: LiveEngineEvent, _ replica: Int) throws(BatchingError) {
        let request = Int(event.id)
        try events.append(kind, request, replica, at: event.time, tokens: event.tokens)
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

    /// A request whose one token comes from the replica that computes its prompt, or that is turned away as it is handed over.
    mutating func noteEnd(
        _ request: Int, _ status: RequestStatus, tokens: Int32, at time: Nanoseconds
    ) throws(BatchingError) {
        try events.append(end: status, request, at: time, tokens: tokens)
        results.status?[request] = status.rawValue
        results.tokensGenerated?[request] = tokens
        guard status == .finished else {
            if status == .lost || status == .timedOut || status == .rejectedByAdmission || status == .aborted {
                results.endTime?[request] = time.seconds
            }
            return
        }
        finishedApart &+= 1
        results.endTime?[request] = time.seconds
        results.completionOrder?[completed] = Int64(request)
        completed &+= 1
        lastCompletion = max(lastCompletion, time)
    }

    /// A request is at its replica; where prefill and decode are apart, at the first, or at that which computes all of it.
    /// - Parameter arrival: nil: it is sent by a client, as `sentTime` says.
    func noteRouted(_ request: Int, arrival: Double?, at time: Nanoseconds) {
        guard let column = columns.waitingForRouter else { return }
        column[request] = time.seconds - (arrival ?? results.sentTime?[request] ?? .nan)
    }

    /// A request is at the replica in which it decodes.
    mutating func noteActivated(_ request: Int, _ replica: Int, at time: Nanoseconds) throws(BatchingError) {
        try events.appendRouted(request, replica, at: time)
        columns.activatedTime?[request] = time.seconds
        if let held = columns.heldTime { columns.transfer?[request] = time.seconds - held[request] }
    }

    /// A request has ended at a replica: where its time there went.
    /// - Parameters:
    ///   - atClient: seconds before it was sent.
    ///   - isDecode: whether its prompt was computed elsewhere, so that this is added.
    func noteParts(_ request: Int, _ parts: RequestParts, atClient: Double, isDecode: Bool) {
        guard let attribution = columns.attribution else { return }
        if isDecode {
            attribution.addDecode(parts, request)
            columns.waitingForDecode?[request] = parts.waitingForSlot + parts.waitingForMemory
        } else {
            attribution.write(parts, request)
            attribution.writeClient(atClient, request)
        }
    }

    /// A request is lost, and begins anew if it is sent again.
    func forget(_ request: Int) {
        results.startTime?[request] = .nan
        results.firstTokenTime?[request] = .nan
        results.prefixCachedTokens?[request] = 0
        columns.forget(request)
    }

    /// So many replicas are wanted from now on.
    mutating func noteScaling(replicas: Int64, _ role: ReplicaRole, at time: Nanoseconds) {
        if scalings < columns.scalingCapacity {
            columns.scalingTime?[scalings] = time.seconds
            columns.scalingReplicas?[scalings] = replicas
            columns.scalingRole?[scalings] = role.rawValue
        }
        scalings &+= 1
    }

    /// It is left at the end, with so many tokens: nothing could go on.
    mutating func noteLeft(_ request: Int, tokens: Int32) {
        results.tokensGenerated?[request] = tokens
        results.status?[request] = RequestStatus.stuck.rawValue
    }
}
