/// Several replicas on one clock, behind one router. See "Fleet" in the C header.
public struct FleetConfig {
    /// Replicas that are alike.
    public struct Pool {
        /// How each schedules, what it has, and how long an iteration takes.
        public var engine: EngineConfig
        /// How many.
        public var replicas: Int

        /// - Parameters:
        ///   - engine: how each schedules.
        ///   - replicas: how many; at least 1.
        public init(engine: EngineConfig, replicas: Int) {
            self.engine = engine
            self.replicas = replicas
        }
    }

    /// Which replica gets a request. `workers` is how many replicas there are in all.
    public var router: RouterConfig
    /// Replicas are numbered from 0, one pool after the other.
    public var pools: UnsafePointer<Pool>
    /// How many pools; at least 1.
    public var poolCount: Int
    /// Seconds between two times at which the router is told what waits, what runs, and how full the KV cache is.
    public var metricsInterval = 0.1

    /// - Parameters:
    ///   - router: for as many workers as there are replicas.
    ///   - pools: borrowed for the run.
    ///   - poolCount: how many.
    public init(router: RouterConfig, pools: UnsafePointer<Pool>, poolCount: Int) {
        self.router = router
        self.pools = pools
        self.poolCount = poolCount
    }

    /// - Returns: how many replicas there are.
    func check() throws(BatchingError) -> Int {
        guard poolCount >= 1 else { throw .invalid("pool_count", Int64(poolCount), "must be at least 1") }
        var count = 0
        for pool in 0..<poolCount {
            let replicas = pools[pool].replicas
            guard replicas >= 1, replicas <= RouterConfig.mostWorkers &- count else {
                throw .invalid(
                    "replicas", pool, Int64(replicas),
                    "must be at least 1, and at most \(RouterConfig.mostWorkers) in all")
            }
            count &+= replicas
            let engine = pools[pool].engine
            try engine.check()
            guard engine.timeLimit == nil, engine.iterationLimit == nil else {
                throw BatchingError(
                    .invalidArgument,
                    "time_limit or iteration_limit of pool \(pool) is given: must be 0 in a fleet")
            }
        }
        guard
            metricsInterval > 0, Nanoseconds.holds(metricsInterval),
            Nanoseconds(validSeconds: metricsInterval) > .zero
        else {
            throw .invalid("metrics_interval", metricsInterval, "must be at least a nanosecond, and a time")
        }
        guard router.workers == count else {
            throw .invalid("router.workers", Int64(router.workers), "must be the replicas, which are \(count)")
        }
        guard router.router != .dynamoKV || !router.dynamo.usesKVEvents else {
            throw BatchingError(
                .invalidArgument, "router.no_kv_events is 0: must be 1 in a fleet, which tells no KV events")
        }
        if router.router == .scorers, let scorer = router.scorers.scorer {
            // More than the most is refused later, and is not to be read.
            let scorers = min(max(router.scorers.count, 0), ScorersConfig.most)
            for index in 0..<scorers where scorer[index] == ScorerName.precisePrefix.rawValue {
                throw .invalid(
                    "router.scorer", index, Int64(scorer[index]),
                    "must not look at KV events, which a fleet does not tell")
            }
        }
        return count
    }
}

/// Where a fleet writes what it tells of each request, beside what an engine tells. nil: not wanted.
public struct FleetColumns {
    /// Its replica; -1: none.
    public var replica: UnsafeMutablePointer<Int32>?
    /// Seconds at which it was routed. Not-a-number: it never was.
    public var routedTime: UnsafeMutablePointer<Double>?

    /// - Parameters:
    ///   - replica: its replica.
    ///   - routedTime: seconds.
    public init(replica: UnsafeMutablePointer<Int32>? = nil, routedTime: UnsafeMutablePointer<Double>? = nil) {
        self.replica = replica
        self.routedTime = routedTime
    }
}
