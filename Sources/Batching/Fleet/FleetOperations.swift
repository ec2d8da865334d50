/// Where a request of a fleet is.
enum RequestPhase: UInt8 {
    /// It has not arrived.
    case toCome
    /// It has, and there is no room for it yet.
    case waiting
    /// At the router, which has no replica for it yet.
    case queued
    /// At a replica.
    case placed
    /// The same, but it is late, and leaves at the end of an iteration.
    case leaving
    /// The same, but its client is gone.
    case quitting
    /// At the replica that computes its prompt, but that in which it was to decode is lost: it leaves at the end of an iteration,
    /// and is lost then.
    case losing
    /// It was lost, and is sent again later.
    case lost
    case ended
}

/// At which replicas a request is; -1: at none.
struct RequestPlaces: BitwiseCopyable {
    /// That does all of it, or computes its prompt, and holds it.
    var replica: Int32 = -1
    /// In which it decodes, where prefill and decode are apart.
    var target: Int32 = -1
    /// Whose prompt tokens without a first token include its own.
    var prompt: Int32 = -1
    /// That lost it last.
    var lostBy: Int32 = -1
}

/// Whether a replica is there.
enum ReplicaPhase: UInt8 {
    case ready
    /// It takes no new requests, and leaves once it has none.
    case draining
    /// It will be ready.
    case starting
    /// It is not wanted.
    case off
    /// It was lost.
    case down
}

/// Which requests a fleet takes, which replicas it has, and what became of requests that were lost. Empty where nothing of this is
/// asked for.
struct FleetOperations: ~Copyable {
    let isUsed: Bool
    let admission: AdmissionConfig
    let faults: FaultConfig
    let noticeDelay: Nanoseconds
    /// How many replicas there are, or, with roles, that compute prompts; and how many in which requests decode.
    var scaler: FleetScaler
    var decodeScaler: FleetScaler
    var random: RandomStream
    var faultRandom: RandomStream

    // By request
    private(set) var phases: GrowableBuffer<RequestPhase>
    private(set) var attempts: GrowableBuffer<Int32>
    private(set) var places: GrowableBuffer<RequestPlaces>
    private(set) var hasFirstToken: GrowableBuffer<Bool>

    // By replica
    let states: ScratchBuffer<ReplicaPhase>
    /// Requests that are there, or hold KV blocks there, or are to; and the prompt tokens of those without a first token whose
    /// prompts it computes.
    let loads: ScratchBuffer<Int64>
    let prefillTokens: ScratchBuffer<Int64>
    /// Since when it has been there, and how long before.
    let since: ScratchBuffer<Nanoseconds>
    let upTime: ScratchBuffer<Int64>
    /// Rises with each change of its state: what was to happen to it before does not.
    let marks: ScratchBuffer<Int64>
    /// Whether the router may send requests there, but for circuit breakers.
    let isKnownUp: ScratchBuffer<Bool>
    let breakers: CircuitBreakers
    /// What it did before it was lost.
    let lostSummaries: UnsafeMutablePointer<EngineSummary>
    let replicaCount: Int

    /// Requests that were taken, and have not ended; prompt tokens of those without a first token.
    var inFlight: Int64
    var queuedTokens: Int64
    /// What is in the bucket, and when that was so.
    var bucket: Double
    var bucketTime: Nanoseconds
    /// Requests that wait until they are taken.
    var queue: AdmissionQueue
    /// Events that bring requests on, or replicas back.
    var pending: Int
    /// Ends that no replica told.
    var rejected: Int64
    var failed: Int64
    /// Ends that a replica told of requests that were lost, and have not ended.
    var withdrawn: Int64
    /// Of those that have arrived.
    var arrivals: Int64
    var promptSum: Double
    var outputSum: Double

    // What an autoscaler is shown
    let columns: ScratchBuffer<Int64>
    let kvUsage: ScratchBuffer<Double>
    /// By replica: its element there.
    let positions: ScratchBuffer<Int32>
    /// Requests of a replica that is lost.
    var lostRequests: GrowableBuffer<Int64>

    init(_ configuration: FleetConfig, requests: Int, replicas: Int) throws(BatchingError) {
        let isUsed = configuration.operates
        let (count, own) = (isUsed ? requests : 0, isUsed ? replicas : 0)
        var phases = try GrowableBuffer<RequestPhase>(capacity: 0)
        try phases.reserve(count, filler: .toCome)
        var attempts = try GrowableBuffer<Int32>(capacity: 0)
        try attempts.reserve(count, filler: 0)
        var places = try GrowableBuffer<RequestPlaces>(capacity: 0)
        try places.reserve(count, filler: RequestPlaces())
        var hasFirstToken = try GrowableBuffer<Bool>(capacity: 0)
        try hasFirstToken.reserve(count, filler: false)
        let states = try ScratchBuffer(count: own, repeating: ReplicaPhase.ready)
        let loads = try ScratchBuffer<Int64>(count: own, repeating: 0)
        let prefillTokens = try ScratchBuffer<Int64>(count: own, repeating: 0)
        let since = try ScratchBuffer(count: own, repeating: Nanoseconds.zero)
        let upTime = try ScratchBuffer<Int64>(count: own, repeating: 0)
        let marks = try ScratchBuffer<Int64>(count: own, repeating: 0)
        let isKnownUp = try ScratchBuffer(count: own, repeating: true)
        let breakers = try CircuitBreakers(configuration.admission, replicas: own)
        let columns = try ScratchBuffer<Int64>(count: 5 &* own, repeating: 0)
        let kvUsage = try ScratchBuffer<Double>(count: own, repeating: 0)
        let positions = try ScratchBuffer<Int32>(count: own, repeating: 0)
        let lostRequests = try GrowableBuffer<Int64>(capacity: 0)
        let queue = try AdmissionQueue()
        let decoding = configuration.replicas(.decode)
        let scaler = try FleetScaler(configuration.scaling, replicas: replicas &- decoding)
        let decodeScaler = try FleetScaler(configuration.decodeScaling, replicas: decoding)
        let lostSummaries = try RawMemory.allocate(own, stride: MemoryLayout<EngineSummary>.stride)
            .bindMemory(to: EngineSummary.self, capacity: own)
        lostSummaries.initialize(repeating: EngineSummary(), count: own)
        self.lostSummaries = lostSummaries
        self.isUsed = isUsed
        replicaCount = own
        admission = configuration.admission
        faults = configuration.faults
        noticeDelay = Nanoseconds(validSeconds: configuration.faults.noticeDelay)
        self.scaler = scaler
        self.decodeScaler = decodeScaler
        random = RandomStream(seed: configuration.admission.seed, purpose: .retries)
        faultRandom = RandomStream(seed: configuration.faults.seed, purpose: .faults)
        bucket = configuration.admission.bucketCapacity ?? 0
        self.phases = phases
        self.attempts = attempts
        self.places = places
        self.hasFirstToken = hasFirstToken
        self.states = states
        self.loads = loads
        self.prefillTokens = prefillTokens
        self.since = since
        self.upTime = upTime
        self.marks = marks
        self.isKnownUp = isKnownUp
        self.breakers = breakers
        self.columns = columns
        self.kvUsage = kvUsage
        self.positions = positions
        self.lostRequests = lostRequests
        self.queue = queue
        (inFlight, queuedTokens, bucketTime, pending) = (0, 0, .zero, 0)
        (rejected, failed, withdrawn, arrivals) = (0, 0, 0, 0)
        (promptSum, outputSum) = (0, 0)
    }

    /// - Parameter faults: as the other has them, where the copy is to find them.
    init(
        copying other: borrowing FleetOperations, faults: FaultConfig, _ copy: inout DeepCopy
    ) throws(BatchingError) {
        let scaler = try FleetScaler(copying: other.scaler, &copy)
        let decodeScaler = try FleetScaler(copying: other.decodeScaler, &copy)
        let lostSummaries = try RawMemory.allocate(other.replicaCount, stride: MemoryLayout<EngineSummary>.stride)
            .bindMemory(to: EngineSummary.self, capacity: other.replicaCount)
        lostSummaries.initialize(from: other.lostSummaries, count: other.replicaCount)
        (isUsed, admission, self.faults, noticeDelay) = (other.isUsed, other.admission, faults, other.noticeDelay)
        self.scaler = scaler
        self.decodeScaler = decodeScaler
        (random, faultRandom) = (other.random, other.faultRandom)
        phases = GrowableBuffer(copying: other.phases, count: other.phases.capacity, &copy)
        attempts = GrowableBuffer(copying: other.attempts, count: other.attempts.capacity, &copy)
        places = GrowableBuffer(copying: other.places, count: other.places.capacity, &copy)
        hasFirstToken = GrowableBuffer(copying: other.hasFirstToken, count: other.hasFirstToken.capacity, &copy)
        states = ScratchBuffer(copying: other.states, &copy)
        loads = ScratchBuffer(copying: other.loads, &copy)
        prefillTokens = ScratchBuffer(copying: other.prefillTokens, &copy)
        since = ScratchBuffer(copying: other.since, &copy)
        upTime = ScratchBuffer(copying: other.upTime, &copy)
        marks = ScratchBuffer(copying: other.marks, &copy)
        isKnownUp = ScratchBuffer(copying: other.isKnownUp, &copy)
        breakers = CircuitBreakers(copying: other.breakers, &copy)
        self.lostSummaries = lostSummaries
        replicaCount = other.replicaCount
        (inFlight, queuedTokens) = (other.inFlight, other.queuedTokens)
        (bucket, bucketTime, pending) = (other.bucket, other.bucketTime, other.pending)
        (rejected, failed, withdrawn) = (other.rejected, other.failed, other.withdrawn)
        (arrivals, promptSum, outputSum) = (other.arrivals, other.promptSum, other.outputSum)
        queue = AdmissionQueue(copying: other.queue, &copy)
        columns = ScratchBuffer(copying: other.columns, &copy)
        kvUsage = ScratchBuffer(copying: other.kvUsage, &copy)
        positions = ScratchBuffer(copying: other.positions, &copy)
        lostRequests = GrowableBuffer(copying: other.lostRequests, count: 0, &copy)
    }

    /// Makes room for so many requests, where anything is asked for.
    mutating func reserve(requests count: Int) throws(BatchingError) {
        try phases.reserve(count, filler: .toCome)
        try attempts.reserve(count, filler: 0)
        try places.reserve(count, filler: RequestPlaces())
        try hasFirstToken.reserve(count, filler: false)
    }

    /// A request is to come, where another has been.
    func begin(_ request: Int) {
        phases.elements[request] = .toCome
        attempts.elements[request] = 0
        places.elements[request] = RequestPlaces()
        hasFirstToken.elements[request] = false
    }

    deinit { deallocate(reallocated: lostSummaries) }

    /// The tokens of a prompt that a replica is to compute.
    func countPrompt(_ request: Int, _ tokens: Int64, at replica: Int) {
        guard !hasFirstToken.elements[request] else { return }
        places.elements[request].prompt = Int32(truncatingIfNeeded: replica)
        prefillTokens.elements.add(tokens, at: replica)
    }

    /// They are computed, or are not to be.
    func uncountPrompt(_ request: Int, _ tokens: Int64) {
        let replica = Int(places.elements[request].prompt)
        guard replica >= 0 else { return }
        places.elements[request].prompt = -1
        prefillTokens.elements.subtract(tokens, at: replica)
    }

    /// A request that was taken is in the fleet no longer.
    mutating func noteTaken(_ request: Int, _ prompt: Int64) {
        inFlight &-= 1
        if !hasFirstToken.elements[request] { queuedTokens &-= prompt }
    }

    /// Whether it is told of first tokens.
    var needsFirstTokens: Bool {
        isUsed
            && (admission.maxQueuedTokens != nil || admission.ttftTimeout != nil || scaler.isUsed
                || decodeScaler.isUsed)
    }

    /// A replica is in another state from now on.
    func set(_ replica: Int, _ state: ReplicaPhase, at time: Nanoseconds) {
        let wasThere = isThere(states.elements[replica])
        if wasThere { upTime.elements.add((time - since.elements[replica]).count, at: replica) }
        states.elements[replica] = state
        since.elements[replica] = time
        marks.elements.add(1, at: replica)
    }

    /// Whether it is paid for.
    private func isThere(_ state: ReplicaPhase) -> Bool { state == .ready || state == .draining || state == .starting }

    /// Seconds that a replica was there.
    func seconds(_ replica: Int, until end: Nanoseconds) -> Double {
        var time = upTime.elements[replica]
        if isThere(states.elements[replica]) { time &+= max(0, (end - since.elements[replica]).count) }
        return Nanoseconds(time).seconds
    }

    /// Whether the bucket has enough for a request; if so, it is taken.
    mutating func take(_ cost: Double, at time: Nanoseconds) -> Bool {
        guard let capacity = admission.bucketCapacity else { return true }
        bucket = min(capacity, bucket + (time - bucketTime).seconds * admission.bucketRate)
        bucketTime = time
        if bucket < cost { return false }
        bucket -= cost
        return true
    }

    /// Seconds until a request is sent again that has been lost so often.
    mutating func retryDelay(_ attempt: Int32) -> Double {
        var delay = admission.retryBase
        var left = attempt &- 1
        while left > 0, delay < admission.retryCap {
            delay *= admission.retryFactor
            left &-= 1
        }
        delay = min(delay, admission.retryCap)
        return delay * (1 + admission.retryJitter * (2 * random.uniform() - 1))
    }
}

extension FleetConfig {
    /// Whether anything is asked for beside routing.
    var operates: Bool { admission.isUsed || faults.isUsed || scaling != nil || decodeScaling != nil || hasAborts }
}
