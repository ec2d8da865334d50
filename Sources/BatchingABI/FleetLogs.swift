import Batching
import CBatching

/// The logs of the replicas of a fleet.
struct FleetLogs: ~Copyable {
    /// nil: none are wanted.
    let elements: UnsafeMutablePointer<ReplicaLogs>?
    private let count: Int

    init(_ config: batching_fleet_config, replicas: Int) throws(BatchingError) {
        let wanted = config.iteration_log == nil && config.decision_log == nil ? 0 : replicas
        guard wanted > 0 else {
            (elements, count) = (nil, 0)
            return
        }
        let logs = try RawMemory.allocate(wanted, stride: MemoryLayout<ReplicaLogs>.stride)
            .bindMemory(to: ReplicaLogs.self, capacity: wanted)
        var made = 0
        do throws(BatchingError) {
            while made < wanted {
                (logs + made).initialize(to: try config.logs(of: made))
                made &+= 1
            }
        } catch {
            logs.deinitialize(count: made)
            deallocate(reallocated: logs)
            throw error
        }
        (elements, count) = (logs, wanted)
    }

    deinit {
        guard let elements else { return }
        elements.deinitialize(count: count)
        deallocate(reallocated: elements)
    }

    /// How many rows each has.
    func writeCounts(to config: batching_fleet_config) {
        guard let elements else { return }
        for replica in 0..<count {
            if let log = elements[replica].iterationLog {
                config.iteration_log?[replica]?.pointee.count = log.rows.count
            }
            if let log = elements[replica].decisionLog {
                config.decision_log?[replica]?.pointee.count = log.rows.count
            }
        }
    }
}

extension batching_fleet_config {
    fileprivate func logs(of replica: Int) throws(BatchingError) -> ReplicaLogs {
        var logs = ReplicaLogs()
        do throws(BatchingError) {
            if let log = iteration_log?[replica] { logs.iterationLog = try batching_iteration_log.read(log).log }
            if let log = decision_log?[replica] { logs.decisionLog = try batching_decision_log.read(log).log() }
            try logs.check()
        } catch {
            throw BatchingError(error.kind, "replica \(replica): \(error.text)")
        }
        return logs
    }

    /// Throws if logs are given: of a fleet that runs on.
    func checkNoLogs() throws(BatchingError) {
        func check(_ isGiven: Bool, _ name: StaticString) throws(BatchingError) {
            guard !isGiven else {
                throw BatchingError(.invalidArgument, "config.\(name) is given: must be NULL in a live fleet")
            }
        }
        try check(iteration_log != nil, "iteration_log")
        try check(decision_log != nil, "decision_log")
    }
}
