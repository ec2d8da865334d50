/// Where a request of a fleet is.
enum RequestPhase: UInt8 {
    /// It has not arrived.
    case toCome
    /// At the router, which has no replica for it yet.
    case queued
    /// At a replica.
    case placed
    /// The same, but it is late, and leaves at the end of an iteration.
    case leaving
    /// The same, but its client is gone.
    case quitting
    /// It was lost, and is sent again later.
    case lost
    case ended
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
    let startupTime: Nanoseconds
    let noticeDelay: Nanoseconds
    /// Whether an autoscaler decides how many replicas there are.
    let scales: Bool
    var autoscaler: Autoscaler
    let scalingCallback: ScalingCallback?
    var random: RandomStream
    var faultRandom: RandomStream

    // By request
    private(set) var phases: GrowableBuffer<RequestPhase>
    private(set) var attempts: GrowableBuffer<Int32>
    private(set) var places: GrowableBuffer<Int32>
    private(set) var hasFirstToken: GrowableBuffer<Bool>

    // By replica
    let states: ScratchBuffer<ReplicaPhase>
    /// Requests that are there, and the prompt tokens of those of them without a first token.
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
    /// Events that bring requests on, or replicas back.
    var pending: Int
    /// Ends that no replica told.
    var rejected: Int64
    var failed: Int64
    /// Of those that have arrived.
    var arrivals: Int64
    var promptSum: Double
    var outputSum: Double
    var arrivalsBefore: Int64

    // What an autoscaler is shown
    let columns: ScratchBuffer<Int64>
    let kvUsage: ScratchBuffer<Double>
    /// Requests of a replica that is lost.
    var lostRequests: GrowableBuffer<Int64>

    init(_ configuration: FleetConfig, requests: Int, replicas: Int) throws(BatchingError) {
        let isUsed = configuration.operates
        let (count, own) = (isUsed ? requests : 0, isUsed ? replicas : 0)
        var phases = try GrowableBuffer<RequestPhase>(capacity: 0)
        try phases.reserve(count, filler: .toCome)
        var attempts = try GrowableBuffer<Int32>(capacity: 0)
        try attempts.reserve(count, filler: 0)
        var places = try GrowableBuffer<Int32>(capacity: 0)
        try places.reserve(count, filler: -1)
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
        let lostRequests = try GrowableBuffer<Int64>(capacity: 0)
        var scaler = AutoscalerConfig()
        scaler.hpa.target = 1
        if let scaling = configuration.scaling { scaler = scaling.autoscaler }
        scaler.maxReplicas = max(min(scaler.maxReplicas, replicas), 1)
        let autoscaler = try Autoscaler(scaler)
        let lostSummaries = try RawMemory.allocate(own, stride: MemoryLayout<EngineSummary>.stride)
            .bindMemory(to: EngineSummary.self, capacity: own)
        lostSummaries.initialize(repeating: EngineSummary(), count: own)
        self.lostSummaries = lostSummaries
        self.isUsed = isUsed
        replicaCount = own
        admission = configuration.admission
        faults = configuration.faults
        startupTime = Nanoseconds(validSeconds: configuration.scaling?.startupTime ?? 0)
        noticeDelay = Nanoseconds(validSeconds: configuration.faults.noticeDelay)
        scales = configuration.scaling != nil
        self.autoscaler = autoscaler
        scalingCallback = configuration.scaling?.callback
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
        self.lostRequests = lostRequests
        (inFlight, queuedTokens, bucketTime, pending) = (0, 0, .zero, 0)
        (rejected, failed, arrivals, arrivalsBefore) = (0, 0, 0, 0)
        (promptSum, outputSum) = (0, 0)
    }

    /// - Parameter faults: as the other has them, where the copy is to find them.
    init(
        copying other: borrowing FleetOperations, faults: FaultConfig, _ copy: inout DeepCopy
    ) throws(BatchingError) {
        let autoscaler = try Autoscaler(copying: other.autoscaler, &copy)
        let lostSummaries = try RawMemory.allocate(other.replicaCount, stride: MemoryLayout<EngineSummary>.stride)
            .bindMemory(to: EngineSummary.self, capacity: other.replicaCount)
        lostSummaries.initialize(from: other.lostSummaries, count: other.replicaCount)
        (isUsed, admission, self.faults, scales) = (other.isUsed, other.admission, faults, other.scales)
        (startupTime, noticeDelay) = (other.startupTime, other.noticeDelay)
        self.autoscaler = autoscaler
        scalingCallback = other.scalingCallback
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
        (rejected, failed) = (other.rejected, other.failed)
        (arrivals, promptSum, outputSum) = (other.arrivals, other.promptSum, other.outputSum)
        arrivalsBefore = other.arrivalsBefore
        columns = ScratchBuffer(copying: other.columns, &copy)
        kvUsage = ScratchBuffer(copying: other.kvUsage, &copy)
        lostRequests = GrowableBuffer(copying: other.lostRequests, count: 0, &copy)
    }

    /// Makes room for so many requests, where anything is asked for.
    mutating func reserve(requests count: Int) throws(BatchingError) {
        try phases.reserve(count, filler: .toCome)
        try attempts.reserve(count, filler: 0)
        try places.reserve(count, filler: -1)
        try hasFirstToken.reserve(count, filler: false)
    }

    /// A request is to come, where another has been.
    func begin(_ request: Int) {
        phases.elements[request] = .toCome
        attempts.elements[request] = 0
        places.elements[request] = -1
        hasFirstToken.elements[request] = false
    }

    deinit { deallocate(reallocated: lostSummaries) }

    /// Whether it is told of first tokens.
    var needsFirstTokens: Bool {
        isUsed && (admission.maxQueuedTokens != nil || admission.ttftTimeout != nil || scales)
    }
    /// Whether a request may be taken from a replica.
    var needsIds: Bool { isUsed && (admission.ttftTimeout != nil || admission.e2eTimeout != nil) }

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
    var operates: Bool { admission.isUsed || faults.isUsed || scaling != nil }
}
