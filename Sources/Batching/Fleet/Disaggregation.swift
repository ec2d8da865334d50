/// Where the prompt of a request is computed.
enum PromptOrigin: UInt8 {
    /// In another replica than that in which it decodes.
    case elsewhere
    /// Where it decodes.
    case here
    /// In another, and once more where it decodes.
    case again
}

/// Prefill and decode apart: what a fleet knows of the requests on their way from one replica to another. Empty where each
/// replica does all of a request.
struct Disaggregation: ~Copyable {
    let isUsed: Bool
    let settings: DisaggregationConfig
    /// Where requests decode.
    var router: Router
    let routerNeeds: RouterNeeds
    var handOvers: HandOvers
    var links: SharedLinks
    /// The requests as those see them that compute their prompts: with one token each.
    var prefillRequests: RequestColumns
    /// Replicas by the numbers that the two routers have for them.
    let sources: ScratchBuffer<Int32>
    let targets: ScratchBuffer<Int32>
    let sourceCount: Int
    let targetCount: Int
    /// By replica: its number at its router, and whether it computes prompts.
    let worker: ScratchBuffer<Int32>
    let isSource: ScratchBuffer<Bool>
    /// By request: its slot at the router of where it decodes.
    var slots: GrowableBuffer<UInt32>
    /// By request: where its prompt was computed last.
    var origins: GrowableBuffer<PromptOrigin>
    /// By replica: the last time at which an iteration was started before what arrived then.
    let lastStart: ScratchBuffer<Nanoseconds>

    init(_ configuration: FleetConfig, _ requests: RequestColumns, replicas: Int) throws(BatchingError) {
        let isUsed = configuration.isDisaggregated
        let settings = configuration.disaggregation.resolved()
        let router = try Router(isUsed ? configuration.ownDecodeRouter : RouterConfig(), keepsIds: false)
        let handOvers = try HandOvers(requests: isUsed ? requests.count : 0, replicas: isUsed ? replicas : 0)
        let sources = try ScratchBuffer<Int32>(uninitialized: replicas)
        let targets = try ScratchBuffer<Int32>(uninitialized: replicas)
        let worker = try ScratchBuffer<Int32>(uninitialized: replicas)
        let isSource = try ScratchBuffer<Bool>(uninitialized: replicas)
        let slots = try GrowableBuffer<UInt32>(capacity: isUsed ? requests.count : 0)
        var origins = try GrowableBuffer<PromptOrigin>(capacity: 0)
        if isUsed { try origins.reserve(requests.count, filler: .elsewhere) }
        let lastStart = try ScratchBuffer(count: isUsed ? replicas : 0, repeating: Nanoseconds(-1))
        var (sourceCount, targetCount, replica) = (0, 0, 0)
        for pool in 0..<configuration.poolCount {
            let isDecode = configuration.pools[pool].role == .decode
            for _ in 0..<configuration.pools[pool].replicas {
                isSource.elements[replica] = configuration.pools[pool].role == .prefill
                let number = isDecode ? targetCount : sourceCount
                let numbers = isDecode ? targets.elements : sources.elements
                numbers[number] = Int32(truncatingIfNeeded: replica)
                worker.elements[replica] = Int32(truncatingIfNeeded: number)
                if isDecode { targetCount &+= 1 } else { sourceCount &+= 1 }
                replica &+= 1
            }
        }
        let linkCount =
            switch settings.linkSharing {
            case .none: 0
            case .source: sourceCount
            case .pair: sourceCount &* targetCount
            }
        let links = try SharedLinks(count: isUsed ? linkCount : 0, bandwidth: settings.linkBandwidth)
        self.isUsed = isUsed
        self.settings = settings
        routerNeeds = router.needs
        self.router = router
        self.handOvers = handOvers
        self.links = links
        prefillRequests = requests.prefillOnly
        self.sources = sources
        self.targets = targets
        self.sourceCount = sourceCount
        self.targetCount = targetCount
        self.worker = worker
        self.isSource = isSource
        self.slots = slots
        self.origins = origins
        self.lastStart = lastStart
    }

    init(copying other: borrowing Disaggregation, _ copy: inout DeepCopy) throws(BatchingError) {
        router = try other.router.fork()
        (isUsed, settings, routerNeeds) = (other.isUsed, other.settings, other.routerNeeds)
        (prefillRequests, sourceCount, targetCount) = (other.prefillRequests, other.sourceCount, other.targetCount)
        handOvers = HandOvers(copying: other.handOvers, &copy)
        links = SharedLinks(copying: other.links, &copy)
        sources = ScratchBuffer(copying: other.sources, &copy)
        targets = ScratchBuffer(copying: other.targets, &copy)
        worker = ScratchBuffer(copying: other.worker, &copy)
        isSource = ScratchBuffer(copying: other.isSource, &copy)
        slots = GrowableBuffer(copying: other.slots, count: other.slots.capacity, &copy)
        origins = GrowableBuffer(copying: other.origins, count: other.origins.capacity, &copy)
        lastStart = ScratchBuffer(copying: other.lastStart, &copy)
    }

    /// Makes room for so many requests.
    mutating func reserve(requests count: Int) throws(BatchingError) {
        try slots.reserve(count)
        try origins.reserve(count, filler: .elsewhere)
        try handOvers.reserve(requests: count)
    }

    /// When the prompts are looked at that were done; `Int64.max` nanoseconds: none was.
    var handOverTime: Nanoseconds {
        handOvers.doneCount > 0 ? handOvers.time : Nanoseconds(.max)
    }

    /// The link of a hand-over.
    func link(_ record: HandOver) -> Int {
        let source = Int(worker.elements[Int(record.source)])
        if settings.linkSharing == .source { return source }
        return source &* targetCount &+ Int(worker.elements[Int(record.target)])
    }

    /// Bytes that are still to be sent once the prompt is done.
    /// - Parameter wasReserved: whether blocks for it were reserved before, so that some have been sent.
    func bytes(_ record: HandOver, prompt: Int64, blockSize: Int64, wasReserved: Bool) -> Double {
        var tokens = prompt
        if settings.transferTokens == .missing {
            tokens = ((prompt &+ blockSize &- 1) / blockSize &- Int64(record.found)) &* blockSize
        }
        var bytes = Double(max(tokens, 0)) * settings.kvBytesPerToken
        guard wasReserved else { return bytes }
        switch settings.overlap {
        case .chunk: bytes = min(bytes, Double(record.lastChunk) * settings.kvBytesPerToken)
        case .layer: bytes /= Double(settings.layers)
        case .none, .preset: break
        }
        return bytes
    }
}

extension RequestColumns {
    /// The same with one token of output each.
    var prefillOnly: RequestColumns {
        RequestColumns(
            count: count, promptLength: promptLength, arrivalTime: arrivalTime, priority: priority, tieBreak: tieBreak,
            prefixHashes: prefixHashes)
    }
}
