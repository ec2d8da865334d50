/// Simulates several replicas behind one router: see "Fleet" in the C header.
public enum Fleet {
    /// - Parameters:
    ///   - requests: in any order of arrival.
    ///   - client: how they are sent. nil: as they arrive, and the turns of sessions one after the other.
    ///   - configuration: the replicas and their router.
    ///   - results: columns to fill. A run that fails on its way may have written some.
    ///   - columns: the same, of what only a fleet tells.
    ///   - replicas: one for each replica: what it did. nil: not wanted.
    ///   - logs: one for each replica: what it decides, while it does. Their rows are counted in them. nil: not wanted.
    public static func simulate(
        _ requests: RequestColumns, client: ClientConfig? = nil, configuration: FleetConfig,
        results: ResultColumns = ResultColumns(), columns: FleetColumns = FleetColumns(),
        replicas: UnsafeMutablePointer<EngineSummary>? = nil, logs: UnsafeMutablePointer<ReplicaLogs>? = nil
    ) throws(BatchingError) -> EngineSummary {
        try client?.check()
        let count = try configuration.check()
        if let logs {
            for replica in 0..<count { try logs[replica].check() }
        }
        let survey = try requests.survey()
        try configuration.checkPreferred(requests: requests.count, replicas: count)
        if let hashes = requests.prefixHashes {
            try hashes.check(count: requests.count)
            try configuration.check(hashBlockSize: hashes.blockSize)
        }
        try requests.checkEnds()
        var configuration = configuration
        configuration.hasAborts = requests.abortTime != nil
        let hasClients = client?.clients != nil
        let turns = try SessionTurns(requests, needsScratch: hasClients, firstTurnsWait: hasClients)
        var order: TimeOrder?
        if let arrivalTime = requests.arrivalTime, !survey.isInOrderOfArrival {
            order = try TimeOrder(sorting: arrivalTime, count: requests.count)
        }
        let permutation: PermutedOrder? =
            switch order {
            case .some(let order): order.order
            case .none: nil
            }
        let loop = try ClosedLoop.begin(requests, client, turns, arrivalOrder: permutation)
        if !loop.isUsed, configuration.hasIndependentReplicas {
            var run = try IndependentReplicas(
                requests, survey, configuration, replicas: count, arrivalOrder: permutation, results, columns)
            return try run.simulate(replicas, logs)
        }
        var run = try FleetRun(
            requests, configuration, replicas: count, arrivalOrder: permutation, loop: loop,
            try FleetOutputs(results, columns))
        try run.begin(configuration, logs)
        try run.proceed()
        return try run.close(replicas, logs)
    }
}
