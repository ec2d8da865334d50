/// What a replica of a fleet tells while it runs, as a run of one engine does. nil: not wanted.
public struct ReplicaLogs {
    /// A row for each of its iterations.
    public var iterationLog: IterationLog?
    /// A row for each of its decisions; requests are told by their index in those of the fleet.
    public var decisionLog: DecisionLog?

    /// - Parameters:
    ///   - iterationLog: a row for each of its iterations.
    ///   - decisionLog: a row for each of its decisions.
    public init(iterationLog: IterationLog? = nil, decisionLog: DecisionLog? = nil) {
        self.iterationLog = iterationLog
        self.decisionLog = decisionLog
    }

    package func check() throws(BatchingError) {
        try iterationLog?.rows.check("iteration_log")
        try decisionLog?.rows.check("decision_log")
    }
}

extension LiveEngine {
    /// From here on it writes them.
    mutating func begin(_ logs: ReplicaLogs) {
        switch place {
        case .counted(let engine): engine.pointee.begin(logs)
        case .cached(let engine): engine.pointee.begin(logs)
        }
    }

    /// It writes them no more. Rows may be filled that the caller has not seen.
    mutating func takeLogs() -> ReplicaLogs {
        switch place {
        case .counted(let engine): engine.pointee.takeLogs()
        case .cached(let engine): engine.pointee.takeLogs()
        }
    }

    /// The rows that are filled are the caller's.
    mutating func finishLogs() throws(BatchingError) {
        switch place {
        case .counted(let engine): try engine.pointee.run.replica.observer.finishLogs()
        case .cached(let engine): try engine.pointee.run.replica.observer.finishLogs()
        }
    }
}

extension LiveReplica where Memory: ~Copyable {
    fileprivate mutating func begin(_ logs: ReplicaLogs) {
        run.replica.observer.setLogs(logs.iterationLog, logs.decisionLog)
        connect()
    }

    fileprivate mutating func takeLogs() -> ReplicaLogs {
        var logs = ReplicaLogs(
            iterationLog: run.replica.observer.iterationLog, decisionLog: run.replica.observer.decisionLog)
        // What it had under way has no row, and so no number of its own.
        logs.decisionLog?.firstIteration &+= run.replica.iteration &- run.iterationsInFlight
        run.replica.observer.setLogs(nil, nil)
        return logs
    }
}

extension EngineRun where Memory: ~Copyable {
    /// Iterations that are counted, and have not ended.
    fileprivate var iterationsInFlight: Int64 { flight.isFlying ? (flight.isFollowed ? 2 : 1) : 0 }
}
