/// Several replicas on one clock, behind one router. See "Fleet" in the C header.
public struct FleetConfig {
    /// Replicas that are alike.
    public struct Pool {
        /// How each schedules, what it has, and how long an iteration takes.
        public var engine: EngineConfig
        /// How many.
        public var replicas: Int
        /// What each does of a request: all of it, or in two kinds of pools its prompt and the rest.
        public var role = ReplicaRole.both

        /// - Parameters:
        ///   - engine: how each schedules.
        ///   - replicas: how many; at least 1.
        ///   - role: what each does of a request.
        public init(engine: EngineConfig, replicas: Int, role: ReplicaRole = .both) {
            self.engine = engine
            self.replicas = replicas
            self.role = role
        }
    }

    /// Which replica gets a request. `workers` is how many replicas there are in all, or of those that prefill.
    public var router: RouterConfig
    /// What decides instead of the router, which then only counts.
    public var chooser = FleetChooserName.router
    package var routerCallback: RouterCallback?
    /// Where a request decodes whose prompt is computed elsewhere. nil: by the same rule; of Dynamo's router as Dynamo sets it.
    public var decodeRouter: RouterConfig?
    /// How prefill and decode are split, where there are pools of both.
    public var disaggregation = DisaggregationConfig()
    /// Replicas are numbered from 0, one pool after the other.
    public var pools: UnsafePointer<Pool>
    /// How many pools; at least 1.
    public var poolCount: Int
    /// Seconds between two times at which the router is told what waits, what runs, and how full the KV cache is.
    public var metricsInterval = 0.1
    /// Which requests it takes, how long they may take, and how often they are sent.
    public var admission = AdmissionConfig()
    /// Which replicas fail.
    public var faults = FaultConfig()
    /// How many replicas there are at a time; nil: all, always.
    public var scaling: FleetScalingConfig?
    /// The same of those in which requests decode, where prefill and decode are apart; `scaling` is of the others then.
    public var decodeScaling: FleetScalingConfig?
    /// Seconds after the end of an iteration at which the router is told how the prefix cache of a replica has changed.
    public var kvEventLag = 0.0
    /// By request: the replica that it goes to if the router would draw one of several that its rule allows; -1: none.
    public var preferredReplica: UnsafePointer<Int32>?
    /// The same of where it decodes.
    public var preferredDecodeReplica: UnsafePointer<Int32>?
    /// Seconds from the router to a replica.
    public var routingDelay = 0.0

    /// Whether the requests have times at which their clients leave.
    var hasAborts = false

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
        _ = try Nanoseconds(seconds: kvEventLag, argument: "kv_event_lag")
        _ = try Nanoseconds(seconds: routingDelay, argument: "routing_delay")
        guard chooser != .callback || routerCallback != nil else { throw .missingCallback("router_callback") }
        try checkRoles(count)
        try admission.check()
        try faults.check(replicas: count)
        let decoding = replicas(.decode)
        try scaling?.check(replicas: count &- decoding)
        guard decodeScaling == nil || decoding > 0 else {
            throw BatchingError(
                .invalidArgument, "decode_scaling is given: must be NULL where each replica does all of a request")
        }
        try decodeScaling?.check(replicas: decoding)
        return count
    }
}

extension FleetConfig {
    /// How many replicas have a role.
    func replicas(_ role: ReplicaRole) -> Int {
        var count = 0
        for pool in 0..<poolCount where pools[pool].role == role { count &+= pools[pool].replicas }
        return count
    }

    /// Whether requests are found by their ids, so that they can be taken from a replica.
    var needsIds: Bool {
        admission.ttftTimeout != nil || admission.e2eTimeout != nil || hasAborts || (isDisaggregated && faults.isUsed)
    }

    /// Whether there are pools for prompts.
    var isDisaggregated: Bool { replicas(.prefill) > 0 }

    /// Where a request decodes.
    var ownDecodeRouter: RouterConfig {
        if let decodeRouter { return decodeRouter }
        var own = router
        own.workers = replicas(.decode)
        // As Dynamo's own router of workers that decode.
        own.dynamo.usesKVEvents = false
        own.dynamo.overlapScoreCredit = 0
        own.dynamo.tracksPrefillTokens = false
        own.dynamo.assumesKVReuse = false
        own.dynamo.queueThreshold = nil
        return own
    }

    /// The router of those that compute prompts; where something else decides, it only counts.
    var ownRouter: RouterConfig {
        var own = router
        if chooser != .router {
            own = RouterConfig()
            own.workers = router.workers
        }
        // Dynamo's router of these looks at no KV blocks in use.
        if isDisaggregated { own.dynamo.countsBlocks = false }
        return own
    }

    /// Throws unless each replica that a request is to be sent to is one.
    func checkPreferred(requests: Int, replicas: Int) throws(BatchingError) {
        func check(_ column: UnsafePointer<Int32>?, _ name: ErrorText) throws(BatchingError) {
            guard let column else { return }
            for request in 0..<requests {
                try Work.row(request)
                guard column[request] >= -1, Int(column[request]) < replicas else {
                    throw .invalid(name, request, column[request], "must be a replica, in 0..\(replicas &- 1), or -1")
                }
            }
        }
        try check(preferredReplica, "preferred_replica")
        try check(preferredDecodeReplica, "preferred_decode_replica")
    }

    private func checkRoles(_ count: Int) throws(BatchingError) {
        let (prefill, decode) = (replicas(.prefill), replicas(.decode))
        if prefill == 0, decode == 0 {
            guard router.workers == count else {
                throw .invalid("router.workers", Int64(router.workers), "must be the replicas, which are \(count)")
            }
            return
        }
        guard prefill > 0, decode > 0, prefill &+ decode == count else {
            throw BatchingError(
                .invalidArgument,
                "\(prefill) replicas prefill, \(decode) decode, and \(count &- prefill &- decode) do both: must be "
                    + "at least one each of the first two, and none of the last")
        }
        guard router.workers == prefill else {
            throw .invalid(
                "router.workers", Int64(router.workers), "must be the replicas that prefill, which are \(prefill)")
        }
        let second = ownDecodeRouter
        guard second.workers == decode else {
            throw .invalid(
                "decode_router.workers", Int64(second.workers), "must be the replicas that decode, which are \(decode)")
        }
        guard second.dynamo.queueThreshold == nil else {
            throw BatchingError(
                .invalidArgument, "queue_threshold of decode_router is given: must be left out, as it has no queue")
        }
        try disaggregation.check()
        guard disaggregation.linkSharing != .pair || Int64(prefill) &* Int64(decode) <= 1 << 20 else {
            throw .invalid(
                "sharing", disaggregation.linkSharing.rawValue,
                "must not be by pair where there are more than 1048576 pairs")
        }
        for pool in 0..<poolCount {
            let engine = pools[pool].engine
            guard engine.policy == .vllm || engine.policy == .continuous else {
                throw BatchingError(
                    .invalidArgument,
                    "policy of pool \(pool) is neither vllm nor continuous: must be one of these where prefill and "
                        + "decode are apart")
            }
        }
    }

    /// Throws unless each pool that caches prefixes can take hash ids, each of which stands for so many tokens, and KV events of
    /// them can be told if they are to be. 0: the tokens of a KV block.
    func check(hashBlockSize: Int) throws(BatchingError) {
        let size = Int64(hashBlockSize)
        let tellsEvents = ownRouter.takesKVEvents
        for pool in 0..<poolCount where pools[pool].engine.cachesPrefixes {
            try PrefixHashes.check(blockSize: size, kvBlockSize: pools[pool].engine.blockSize)
            guard !tellsEvents || size % pools[pool].engine.blockSize == 0 else {
                throw .invalid(
                    "hash_block_size", size,
                    "must be a multiple of the block_size of pool \(pool), which is \(pools[pool].engine.blockSize), "
                        + "where a router is told KV events")
            }
        }
    }
}

extension RouterConfig {
    /// Whether it is told what is in the prefix caches.
    var takesKVEvents: Bool {
        if router == .dynamoKV { return dynamo.usesKVEvents }
        guard router == .scorers, let scorer = scorers.scorer else { return false }
        for index in 0..<min(max(scorers.count, 0), ScorersConfig.most)
        where scorer[index] == ScorerName.precisePrefix.rawValue { return true }
        return false
    }
}

/// Where a fleet writes what it tells of each request, beside what an engine tells. nil: not wanted.
public struct FleetColumns {
    /// Its replica; where prefill and decode are apart, the one in which it decodes. -1: none.
    public var replica: UnsafeMutablePointer<Int32>?
    /// Seconds at which it was routed. Not-a-number: it never was.
    public var routedTime: UnsafeMutablePointer<Double>?
    /// The replica that computed its prompt. -1: the other, or none.
    public var prefillReplica: UnsafeMutablePointer<Int32>?
    /// Seconds at which its prompt was done, and its KV held for the other replica. Not-a-number: it never was.
    public var heldTime: UnsafeMutablePointer<Double>?
    /// Seconds at which the replica that decodes reserved KV blocks. Not-a-number: it never did.
    public var reservedTime: UnsafeMutablePointer<Double>?
    /// Seconds at which it was among the requests of the replica that decodes.
    public var activatedTime: UnsafeMutablePointer<Double>?
    /// Seconds at which it started there.
    public var decodeStartTime: UnsafeMutablePointer<Double>?
    /// Seconds at which the replica that computed its prompt freed its KV blocks.
    public var releasedTime: UnsafeMutablePointer<Double>?

    /// Into which parts the time of each request falls that has ended. nil: not wanted.
    public var attribution: AttributionColumns?
    /// Beside those: seconds from when it was sent until it was at its replica, of the last time;
    public var waitingForRouter: UnsafeMutablePointer<Double>?
    /// from the end of its prompt until it was at the replica in which it decodes;
    public var transfer: UnsafeMutablePointer<Double>?
    /// and from there until it decodes.
    public var waitingForDecode: UnsafeMutablePointer<Double>?
    /// How often it was sent to a replica, or would have been.
    public var attempts: UnsafeMutablePointer<Int32>?
    /// By replica: seconds that it was there, from when it was started until it was lost or had no more to do.
    public var upTime: UnsafeMutablePointer<Double>?
    /// Decisions of the autoscaler: when, and how many replicas there are to be. Those beyond the capacity are only counted.
    public var scalingCapacity = 0
    /// Seconds.
    public var scalingTime: UnsafeMutablePointer<Double>?
    /// Replicas.
    public var scalingReplicas: UnsafeMutablePointer<Int64>?
    /// The raw value of the `ReplicaRole` of which.
    public var scalingRole: UnsafeMutablePointer<Int32>?
    /// How many decisions there were.
    public var scalingCount: UnsafeMutablePointer<Int64>?

    /// None.
    public init() {}

    /// A request begins anew: nothing is known of its way from one replica to another.
    func forget(_ request: Int) {
        heldTime?[request] = .nan
        reservedTime?[request] = .nan
        activatedTime?[request] = .nan
        decodeStartTime?[request] = .nan
        releasedTime?[request] = .nan
        transfer?[request] = .nan
        waitingForDecode?[request] = .nan
    }

    /// What nothing has happened to.
    func begin(count: Int) throws(BatchingError) {
        try replica?.fill(-1, count: count)
        try routedTime?.fill(.nan, count: count)
        try prefillReplica?.fill(-1, count: count)
        try heldTime?.fill(.nan, count: count)
        try reservedTime?.fill(.nan, count: count)
        try activatedTime?.fill(.nan, count: count)
        try decodeStartTime?.fill(.nan, count: count)
        try releasedTime?.fill(.nan, count: count)
        try attempts?.fill(0, count: count)
        try waitingForRouter?.fill(.nan, count: count)
        try transfer?.fill(.nan, count: count)
        try waitingForDecode?.fill(.nan, count: count)
        try attribution?.fill(.nan, count: count)
    }
}
