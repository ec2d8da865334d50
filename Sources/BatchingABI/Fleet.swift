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
        let pools = try FleetPools(config)
        let columns = try requests.engineColumns()
        let hashBlock = try pools.hashBlock(requests)
        let prefill = pools.replicas(.prefill)
        let router = try config.routerConfig(
            config.router, "router", workers: prefill > 0 ? prefill : replicas, hashBlock: hashBlock)
        var configuration = FleetConfig(router: router, pools: UnsafePointer(pools.pools), poolCount: pools.count)
        if config.decode_router != nil {
            configuration.decodeRouter = try config.routerConfig(
                config.decode_router, "decode_router", workers: pools.replicas(.decode), hashBlock: hashBlock)
        }
        if config.disaggregation != nil {
            configuration.disaggregation = try batching_disaggregation_config.read(config.disaggregation)
                .configuration()
        }
        guard config.reserved_2 == 0 else { throw .invalid("config.reserved_2", config.reserved_2, "must be 0") }
        configuration.chooser = try choice(config.chooser, "chooser")
        if configuration.chooser == .callback { configuration.routerCallback = try config.routerCallback() }
        if config.admission != nil {
            configuration.admission = try batching_admission_config.read(config.admission).configuration()
        }
        if config.faults != nil {
            configuration.faults = try batching_fault_config.read(config.faults).configuration()
        }
        if config.scaling != nil {
            configuration.scaling = try batching_fleet_scaling_config.read(config.scaling).configuration()
        }
        configuration.kvEventLag = config.kv_event_lag
        configuration.preferredReplica = config.preferred_replica.map { UnsafePointer($0) }
        configuration.preferredDecodeReplica = config.preferred_decode_replica.map { UnsafePointer($0) }
        configuration.routingDelay = config.routing_delay
        if config.metrics_interval != 0 { configuration.metricsInterval = config.metrics_interval }
        let summaries = try FleetSummaries(count: fleetResults == nil ? 0 : replicas)
        let run = try Fleet.simulate(
            columns, client: requests.clientConfig(), configuration: configuration, results: results,
            columns: try fleetResults?.columns(requests.count) ?? FleetColumns(),
            replicas: fleetResults == nil ? nil : summaries.elements)
        if let fleetResults { fleetResults.write(summaries.elements, replicas) }
        if let summary { batching_summary(run).write(to: summary) }
    }
}

/// The pools of a fleet, in memory of their own: an engine's configuration holds closures.
private struct FleetPools: ~Copyable {
    let pools: UnsafeMutablePointer<FleetConfig.Pool>
    let count: Int

    /// - Parameter config: whose replicas were counted.
    init(_ config: batching_fleet_config) throws(BatchingError) {
        let count = Int(config.pool_count)
        let pools = try RawMemory.allocate(count, stride: MemoryLayout<FleetConfig.Pool>.stride)
            .bindMemory(to: FleetConfig.Pool.self, capacity: count)
        var made = 0
        do throws(BatchingError) {
            while made < count {
                let engine = try config.engineConfig(made)
                let role = config.role?[made] ?? 0
                guard let role = ReplicaRole(rawValue: role) else {
                    throw .invalid("config.role[\(made)]", role, "must be a BATCHING_ROLE_ constant")
                }
                (pools + made).initialize(
                    to: FleetConfig.Pool(engine: engine, replicas: Int(config.replicas?[made] ?? 1), role: role))
                made &+= 1
            }
        } catch {
            pools.deinitialize(count: made)
            deallocate(reallocated: pools)
            throw error
        }
        self.pools = pools
        self.count = count
    }

    /// How many replicas have a role.
    func replicas(_ role: ReplicaRole) -> Int {
        var sum = 0
        for pool in 0..<count where pools[pool].role == role { sum &+= pools[pool].replicas }
        return sum
    }

    /// Tokens of a hash id of the requests; nil: they have none.
    func hashBlock(_ requests: batching_requests) throws(BatchingError) -> Int64? {
        guard requests.hash_ids != nil else { return nil }
        if requests.hash_block_size > 0 { return Int64(requests.hash_block_size) }
        for pool in 1..<max(count, 1) where pools[pool].engine.blockSize != pools[0].engine.blockSize {
            throw BatchingError(
                .invalidArgument,
                "requests.hash_block_size is 0: must be given, as pool 0 has a block_size of "
                    + "\(pools[0].engine.blockSize) and pool \(pool) of \(pools[pool].engine.blockSize)")
        }
        return pools[0].engine.blockSize
    }

    deinit {
        pools.deinitialize(count: count)
        deallocate(reallocated: pools)
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

extension batching_fleet_config {
    static let firstSize = 48

    fileprivate static var most: Int64 { 65_536 }

    /// How many replicas there are.
    fileprivate func replicaCount() throws(BatchingError) -> Int {
        guard pool_count >= 1, pool_count <= batching_fleet_config.most else {
            throw .invalid("config.pool_count", pool_count, "must be in 1..\(batching_fleet_config.most)")
        }
        guard let replicas else { return Int(pool_count) }
        var count: Int64 = 0
        for pool in 0..<Int(pool_count) {
            let own = replicas[pool]
            guard own >= 1, own <= batching_fleet_config.most &- count else {
                throw .invalid(
                    "config.replicas[\(pool)]", own,
                    "must be at least 1, and at most \(batching_fleet_config.most) in all")
            }
            count &+= own
        }
        return Int(count)
    }

    fileprivate func engineConfig(_ pool: Int) throws(BatchingError) -> EngineConfig {
        guard let engine, let own = engine[pool] else { return try batching_engine_config().configuration() }
        let config = try batching_engine_config.read(own)
        func check(_ isGiven: Bool, _ name: StaticString) throws(BatchingError) {
            if isGiven {
                throw BatchingError(
                    .invalidArgument, "\(name) of config.engine[\(pool)] is given: must be NULL in a fleet")
            }
        }
        try check(config.iteration_log != nil, "iteration_log")
        try check(config.decision_log != nil, "decision_log")
        try check(config.attribution != nil, "attribution")
        guard config.keep_attribution == 0 else {
            throw .invalid(
                "keep_attribution of config.engine[\(pool)]", config.keep_attribution, "must be 0 in a fleet")
        }
        guard config.time_limit == 0 else {
            throw .invalid("time_limit of config.engine[\(pool)]", config.time_limit, "must be 0 in a fleet")
        }
        guard config.iteration_limit == 0 else {
            throw .invalid(
                "iteration_limit of config.engine[\(pool)]", config.iteration_limit, "must be 0 in a fleet")
        }
        return try config.configuration()
    }

    /// - Parameters:
    ///   - given: NULL: round robin.
    ///   - name: of the field.
    ///   - hashBlock: tokens of a hash id of the requests; nil: they have none.
    fileprivate func routerConfig(
        _ given: UnsafePointer<batching_router_config>?, _ name: StaticString, workers: Int, hashBlock: Int64?
    ) throws(BatchingError) -> RouterConfig {
        var config = batching_router_config()
        if let given { config = try batching_router_config.read(given) }
        guard config.workers == 0 || config.workers == Int64(workers) else {
            throw .invalid(
                "config.\(name).workers", config.workers, "must be 0, or the replicas, which are \(workers)")
        }
        config.workers = Int64(workers)
        if let hashBlock {
            guard config.block_size == 0 || config.block_size == hashBlock else {
                throw .invalid(
                    "config.\(name).block_size", config.block_size,
                    "must be 0, or the tokens of a hash id of the requests, which are \(hashBlock)")
            }
            config.block_size = hashBlock
        }
        return try config.configuration()
    }
}

extension batching_fleet_results {
    static let firstSize = 136

    /// The columns of `results`, or nil if it is NULL.
    fileprivate static func columns(
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
    fileprivate func columns(_ count: Int64) throws(BatchingError) -> FleetColumns {
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
        columns.scalingCapacity = Int(max(scaling_capacity, 0))
        columns.scalingTime = scaling_time
        columns.scalingReplicas = scaling_replicas
        columns.scalingCount = scaling_count
        return columns
    }
}
