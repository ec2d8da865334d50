import Batching
import CBatching

/// The pools of a fleet, in memory of their own: an engine's configuration holds closures.
struct FleetPools: ~Copyable {
    let pools: UnsafeMutablePointer<FleetConfig.Pool>
    let count: Int

    /// - Parameters:
    ///   - config: whose replicas were counted.
    ///   - mayAttribute: whether keep_attribution may be given.
    init(_ config: batching_fleet_config, mayAttribute: Bool) throws(BatchingError) {
        let count = Int(config.pool_count)
        let pools = try RawMemory.allocate(count, stride: MemoryLayout<FleetConfig.Pool>.stride)
            .bindMemory(to: FleetConfig.Pool.self, capacity: count)
        var made = 0
        do throws(BatchingError) {
            while made < count {
                let engine = try config.engineConfig(made, mayAttribute: mayAttribute)
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
        if let pool = otherBlock {
            throw BatchingError(
                .invalidArgument,
                "requests.hash_block_size is 0: must be given, as pool 0 has a block_size of "
                    + "\(pools[0].engine.blockSize) and pool \(pool) of \(pools[pool].engine.blockSize)")
        }
        return pools[0].engine.blockSize
    }

    /// Tokens of a KV block; nil: they differ.
    var commonBlock: Int64? { otherBlock == nil ? pools[0].engine.blockSize : nil }

    /// The first pool whose KV blocks have another size than those before.
    private var otherBlock: Int? {
        for pool in 1..<max(count, 1) where pools[pool].engine.blockSize != pools[0].engine.blockSize { return pool }
        return nil
    }

    /// Whether all keep the parts of the time of requests.
    func keepsAttribution() throws(BatchingError) -> Bool {
        let keeps = pools[0].engine.keepsAttribution
        for pool in 1..<max(count, 1) where pools[pool].engine.keepsAttribution != keeps {
            throw .invalid(
                "keep_attribution of config.engine[\(pool)]", keeps ? 0 : 1, "must be that of config.engine[0]")
        }
        return keeps
    }

    deinit {
        pools.deinitialize(count: count)
        deallocate(reallocated: pools)
    }
}

extension batching_fleet_config {
    static let firstSize = 48

    private static var most: Int64 { 65_536 }

    /// How many replicas there are.
    func replicaCount() throws(BatchingError) -> Int {
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

    /// What a fleet is made of.
    /// - Parameters:
    ///   - pools: of which it borrows.
    ///   - hashBlock: tokens of a hash id of the requests; nil: they have none.
    func configuration(_ pools: borrowing FleetPools, hashBlock: Int64?) throws(BatchingError) -> FleetConfig {
        let prefill = pools.replicas(.prefill)
        let workers = prefill > 0 ? prefill : try replicaCount()
        let router = try routerConfig(router, "router", workers: workers, hashBlock: hashBlock)
        var configuration = FleetConfig(router: router, pools: UnsafePointer(pools.pools), poolCount: pools.count)
        if decode_router != nil {
            configuration.decodeRouter = try routerConfig(
                decode_router, "decode_router", workers: pools.replicas(.decode), hashBlock: hashBlock)
        }
        if disaggregation != nil {
            configuration.disaggregation = try batching_disaggregation_config.read(disaggregation).configuration()
        }
        guard reserved_2 == 0 else { throw .invalid("config.reserved_2", reserved_2, "must be 0") }
        configuration.chooser = try choice(chooser, "chooser")
        if configuration.chooser == .callback { configuration.routerCallback = try routerCallback() }
        if admission != nil {
            configuration.admission = try batching_admission_config.read(admission).configuration()
        }
        if faults != nil { configuration.faults = try batching_fault_config.read(faults).configuration() }
        if scaling != nil {
            configuration.scaling = try batching_fleet_scaling_config.read(scaling).configuration(
                "config.scaling.autoscaler")
        }
        if decode_scaling != nil {
            configuration.decodeScaling = try batching_fleet_scaling_config.read(decode_scaling).configuration(
                "config.decode_scaling.autoscaler")
        }
        configuration.kvEventLag = kv_event_lag
        configuration.preferredReplica = preferred_replica.map { UnsafePointer($0) }
        configuration.preferredDecodeReplica = preferred_decode_replica.map { UnsafePointer($0) }
        configuration.routingDelay = routing_delay
        if metrics_interval != 0 { configuration.metricsInterval = metrics_interval }
        return configuration
    }

    fileprivate func engineConfig(_ pool: Int, mayAttribute: Bool) throws(BatchingError) -> EngineConfig {
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
        guard mayAttribute || config.keep_attribution == 0 else {
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
    private func routerConfig(
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
