import Batching
import CBatching

@implementation @_cdecl("batching_fleet_simulate")
public func batching_fleet_simulate(
    _ config: UnsafePointer<batching_fleet_config>!, _ requests: UnsafePointer<batching_requests>!,
    _ results: UnsafePointer<batching_results>!, _ fleet_results: UnsafePointer<batching_fleet_results>!,
    _ summary: UnsafeMutablePointer<batching_summary>!
) -> batching_status {
    status { () throws(BatchingError) in
        let config = try batching_fleet_config.read(config)
        let requests = try batching_requests.read(requests)
        let results = try batching_results.columns(results, holding: requests.count)
        let replicas = try config.replicaCount()
        let fleetResults = try batching_fleet_results.columns(
            fleet_results, holding: requests.count, replicas: replicas)
        if let summary { _ = try batching_summary.read(summary) }
        let pools = try FleetPools(config, mayAttribute: false)
        let columns = try requests.engineColumns()
        let configuration = try config.configuration(pools, hashBlock: try pools.hashBlock(requests))
        let summaries = try FleetSummaries(count: fleetResults == nil ? 0 : replicas)
        let logs = try FleetLogs(config, replicas: replicas)
        let run = try Fleet.simulate(
            columns, client: requests.clientConfig(), configuration: configuration, results: results,
            columns: try fleetResults?.columns(requests.count) ?? FleetColumns(),
            replicas: fleetResults == nil ? nil : summaries.elements, logs: logs.elements)
        logs.writeCounts(to: config)
        if let fleetResults { fleetResults.write(summaries.elements, replicas) }
        if let summary { batching_summary(run).write(to: summary) }
    }
}

/// What each replica did.
private struct FleetSummaries: ~Copyable {
    let elements: UnsafeMutablePointer<EngineSummary>

    init(count: Int) throws(BatchingError) {
        elements = try RawMemory.allocate(count, stride: MemoryLayout<EngineSummary>.stride)
            .bindMemory(to: EngineSummary.self, capacity: count)
    }

    deinit { deallocate(reallocated: elements) }
}

extension batching_fleet_results {
    static let firstSize = 136

    /// The columns of `results`, or nil if it is NULL.
    static func columns(
        _ results: UnsafePointer<batching_fleet_results>?, holding count: Int64, replicas: Int
    ) throws(BatchingError) -> batching_fleet_results? {
        guard results != nil else { return nil }
        let results = try read(results)
        let argument: StaticString = "fleet_results"
        try checkCapacity(results.capacity, argument, holding: count, "requests.count")
        guard results.replica_capacity >= Int64(replicas) else {
            throw BatchingError(
                results.replica_capacity < 0 ? .invalidArgument : .capacity,
                "\(argument).replica_capacity is \(results.replica_capacity): must be at least the replicas, which "
                    + "are \(replicas)")
        }
        return results
    }

    /// What each replica did, in its columns.
    fileprivate func write(_ summaries: UnsafeMutablePointer<EngineSummary>, _ replicas: Int) {
        for replica in 0..<replicas {
            let own = summaries[replica]
            requests?[replica] = own.finished &+ own.rejected &+ own.aborted &+ own.unfinished
            finished?[replica] = own.finished
            tokens?[replica] = own.totalTokens
            iterations?[replica] = own.iterations
            busy_time?[replica] = own.busyTime
            duration?[replica] = own.duration
            mean_running?[replica] = own.meanRunning
            mean_kv_use?[replica] = own.meanKVUse
            peak_waiting?[replica] = own.peakWaiting
            preemptions?[replica] = own.preemptions
            prefix_cache_queries?[replica] = own.prefixCacheQueries
            prefix_cache_hits?[replica] = own.prefixCacheHits
        }
    }
}

extension batching_fleet_results {
    /// The columns by request.
    func columns(_ count: Int64) throws(BatchingError) -> FleetColumns {
        var columns = FleetColumns()
        if let attribution {
            columns.attribution = try batching_attribution.read(attribution).columns(holding: count)
        }
        columns.waitingForRouter = waiting_for_router
        columns.transfer = transfer
        columns.waitingForDecode = waiting_for_decode
        columns.replica = replica
        columns.routedTime = routed_time
        columns.prefillReplica = prefill_replica
        columns.heldTime = held_time
        columns.reservedTime = reserved_time
        columns.activatedTime = activated_time
        columns.decodeStartTime = decode_start_time
        columns.releasedTime = released_time
        columns.attempts = attempts
        columns.upTime = up_time
        guard scaling_capacity >= 0 else {
            throw .invalid("fleet_results.scaling_capacity", scaling_capacity, "must be at least 0")
        }
        columns.scalingCapacity = Int(scaling_capacity)
        columns.scalingTime = scaling_time
        columns.scalingReplicas = scaling_replicas
        columns.scalingRole = scaling_role
        columns.scalingCount = scaling_count
        return columns
    }
}
