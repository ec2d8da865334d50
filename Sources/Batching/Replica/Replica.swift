/// One engine with its requests: those that run, those that wait, and the aggregates that say what the next iteration
/// computes without looking at each of them.
///
/// Of the running, those that decode are counted: each takes one token in every iteration, so that their number, the sum
/// of their contexts, their phases in the KV blocks and the iteration in which each is due are all there is to know. The
/// others, those that catch up, are few: they are linked, in order of admission, and looked at.
///
/// Its functions are mutating or inlined even where they change nothing: to lend itself to any other, it would be copied.
struct Replica<Memory: BlockMemory & ~Copyable, Observation: ObservationChoice>: ~Copyable {
    static var none: Int { -1 }

    /// With the times at which they are sent as those of their arrival.
    var requests: RequestColumns
    var results: ResultColumns
    /// What sends them, if that depends on what was answered.
    var loop: ClosedLoop
    /// When each was sent, where there is such a loop and anything looks at it; also a column of the caller's.
    let sentTime: UnsafeMutablePointer<Double>?
    let settings: ReplicaSettings
    /// nil: the requests are given in order of arrival.
    var arrivalOrder: PermutedOrder?

    var memory: Memory
    var waiting: WaitingQueue
    var members: GrowableBuffer<Member>
    var histories: GrowableBuffer<MemberHistory>
    let dueLists: DueLists
    var firstFree = -1
    var slotCount = 0

    var now = Nanoseconds.zero
    /// Requests that have arrived.
    var arrived = 0
    /// Whether more may come than there are.
    var isOpen = false
    /// Whether any in the order of arrival may have left; and how many that have not been taken in.
    var hasGaps = false
    var gapsToCome = 0
    /// Whether one that has arrived, and never ran, may wait no longer: rejected, or left.
    var mayBeAbsent: Bool
    /// Whether some may be rejected on arrival.
    var mayReject = false
    /// When the next one arrives; `Int64.max` nanoseconds if none is left.
    var nextArrival = Nanoseconds(.max)

    var firstRunning = -1
    var lastRunning = -1
    var runningCount = 0
    var admissions: Int64 = 0

    var decoding = 0
    /// The sum of the computed tokens of those that decode, before this iteration.
    var decodingContext: Int64 = 0
    var firstCatchingUp = -1
    var lastCatchingUp = -1
    var catchingUp = 0
    /// The output to which a padded batch computes.
    var batchOutput: Int32 = 0

    /// What members compute that were admitted in this iteration and complete their known tokens in it. They are among those
    /// that decode, but are counted there only from the next iteration on.
    var joining = Joining()
    /// Those of them whose first token this iteration gives.
    var firstTokens: GrowableBuffer<UInt32>
    var firstTokenCount = 0

    /// The number of the iteration that is being scheduled.
    var iteration: Int64 = 0
    /// Requests that it has preempted, and which.
    var preempted = 0
    var victims: GrowableBuffer<UInt32>
    /// Those whose last token this iteration gives, in order of admission once it is complete.
    var finishing: GrowableBuffer<Int32>
    var finishingCount = 0

    /// Whether those that finish keep their KV blocks, for another replica to fetch them; and which have since `held` was
    /// emptied, in order.
    var holdsFinished = false
    var held: GrowableBuffer<HeldMember>
    var heldCount = 0
    /// By slot: tokens that its last prefill chunk had. Only where those that finish keep their KV blocks.
    var lastChunks: GrowableBuffer<Int32>

    /// Which clients leave when; empty if none does, or if their host says it as they do.
    var aborts: AbortTimes
    /// By slot; only where a request may leave before its end.
    var tokenRuns: GrowableBuffer<TokenRun>
    let keepsTokenRuns: Bool
    /// Whether anything is to be noted of a member that joins the running for the first time, because it may end otherwise
    /// than after the tokens that were asked for.
    let notesAdmissions: Bool

    /// What a custom policy is shown; empty for any other.
    var policyRows = PolicyRows()

    /// After how many requests, but for one, an iteration may be stopped on its way, so that the run is lost. In an engine
    /// that runs on never.
    let stopMask: Int
    /// Rows that were looked at one after the other, where not only what changes was: see `Work`.
    var walked: Int64 = 0

    var totals = RunTotals()
    /// Told of what happens, if anything is to be.
    var observer: RunObserver
    /// For the log of queues: by position in order of arrival, up to which position no request waits, as far as is
    /// known. 0: it is not.
    var absentEnds: GrowableBuffer<UInt32>

    init(
        _ requests: RequestColumns, results: ResultColumns, settings: ReplicaSettings, queueOrder: QueueOrder,
        queueKey: QueueKey?,
        arrivalOrder: PermutedOrder?, survey: RequestSurvey, memory: consuming Memory,
        observer: consuming RunObserver, loop: consuming ClosedLoop, sentTime: UnsafeMutablePointer<Double>? = nil,
        isLive: Bool = false
    ) throws(BatchingError) {
        var requests = requests
        if loop.isUsed { requests.arrivalTime = UnsafePointer(sentTime) }
        let waiting = try WaitingQueue(requests, order: queueOrder, key: queueKey)
        let members = try GrowableBuffer<Member>(capacity: 64)
        let histories = try GrowableBuffer<MemberHistory>(capacity: 64)
        let dueLists = try DueLists(longestDelay: survey.longestOutput)
        let finishing = try GrowableBuffer<Int32>(capacity: 0)
        let firstTokens = try GrowableBuffer<UInt32>(capacity: 0)
        let victims = try GrowableBuffer<UInt32>(capacity: 0)
        let absentEnds = try GrowableBuffer<UInt32>(capacity: 0)
        try memory.reserve(slots: 64)
        let held = try GrowableBuffer<HeldMember>(capacity: 0)
        let lastChunks = try GrowableBuffer<Int32>(capacity: 0)
        let aborts = try AbortTimes(requests, isClosed: loop.isUsed)
        let keepsTokenRuns = isLive || aborts.isUsed
        let tokenRuns = try GrowableBuffer<TokenRun>(capacity: keepsTokenRuns ? 64 : 0)
        self.held = held
        self.lastChunks = lastChunks
        self.aborts = aborts
        mayBeAbsent = keepsTokenRuns
        self.keepsTokenRuns = keepsTokenRuns
        notesAdmissions = keepsTokenRuns || (settings.isAsynchronous && requests.maxTokens != nil)
        stopMask = isLive ? .max : Work.piece - 1
        self.tokenRuns = tokenRuns
        self.requests = requests
        self.results = results
        self.settings = settings
        self.arrivalOrder = loop.isUsed ? loop.order : arrivalOrder
        self.sentTime = sentTime
        self.loop = loop
        self.memory = memory
        self.waiting = waiting
        self.members = members
        self.histories = histories
        self.dueLists = dueLists
        self.finishing = finishing
        self.firstTokens = firstTokens
        self.victims = victims
        self.absentEnds = absentEnds
        self.observer = observer
        if self.loop.isUsed {
            nextArrival = self.loop.nextTime
        } else if requests.count > 0 {
            nextArrival = requests.arrival(index(at: 0))
        }
        mayReject = anyIsTooLong(survey)
    }

    /// The request at a position in order of arrival.
    @inline(__always)
    func index(at position: Int) -> Int {
        if let arrivalOrder { arrivalOrder[position] } else { position }
    }

    /// Counts what an iteration does for many requests: called for each of them, with one number after the other.
    @inline(__always)
    func countWithin(_ number: Int) throws(BatchingError) {
        if number & stopMask == stopMask { try Work.done(Int64(Work.piece)) }
    }

    var isEmpty: Bool {
        @inline(__always) get { runningCount == 0 && waiting.count == 0 }
    }

    /// Whether requests are left to come, at times that are known; or also others.
    var hasArrivals: Bool {
        @inline(__always) get { loop.isUsed ? nextArrival < Nanoseconds(.max) : arrived < requests.count }
    }
    var expectsArrivals: Bool {
        @inline(__always) get { hasArrivals || isOpen }
    }
}

/// What members compute, in one iteration, that were admitted in it and complete their known tokens.
struct Joining {
    /// How many they are.
    var count = 0
    /// The sum of their known tokens, less one each: as if they had decoded.
    var context: Int64 = 0
    /// Tokens of their prefill chunks, and how many those are.
    var prefillTokens: Int64 = 0
    var prefillChunks: Int64 = 0
    /// Tokens x context of their prefill chunks.
    var prefillContext = 0.0
    /// Those that do not prefill, but decode, and the sum of the tokens that they attend to.
    var decodes: Int64 = 0
    var decodeContext: Int64 = 0
}

/// What is added up over a run.
struct RunTotals {
    var busyTime: Int64 = 0
    var duration = Nanoseconds.zero
    var lastCompletion = Nanoseconds.zero
    var tokens: Int64 = 0
    var finished = 0
    var rejected = 0
    var aborted = 0
    var prefillTokens: Int64 = 0
    var decodeTokens: Int64 = 0
    /// Prompts that were completed, or completed again.
    var prefills: Int64 = 0
    var preemptions: Int64 = 0
    var recomputedTokens: Int64 = 0
    /// Requests x nanoseconds, and blocks x nanoseconds.
    var runningTime: UInt128 = 0
    var blockTime: UInt128 = 0
    var peakRunning = 0
    var peakWaiting = 0
    var peakUsedBlocks = 0
    var prefixCacheQueries: Int64 = 0
    var prefixCacheHits: Int64 = 0
    /// Preemptions without a token in between, and the iterations' tokens before them.
    var futilePreemptions = 0
    var tokensBeforeThem: Int64 = 0

    /// Rises with every token that is generated.
    var progress: Int64 {
        @inline(__always) get { decodeTokens &+ prefills }
    }

    /// Preemptions before the last token were not in vain.
    @inline(__always)
    mutating func forgetFutilePreemptions() {
        if progress == tokensBeforeThem { return }
        tokensBeforeThem = progress
        futilePreemptions = 0
    }

    /// Adds an iteration, or several of the same requests, that took `duration` and ended at `end`.
    @inline(__always)
    mutating func add(_ work: IterationWork, _ duration: Nanoseconds, end: Nanoseconds) {
        busyTime &+= duration.count
        self.duration = end
        prefillTokens &+= work.prefillTokens
        decodeTokens &+= work.decodeTokens
        runningTime &+= duration.times(work.running)
        peakRunning = max(peakRunning, work.running)
        peakWaiting = max(peakWaiting, work.waiting)
        peakUsedBlocks = max(peakUsedBlocks, work.usedBlocks)
    }
}

// What is told, if anything is.
extension Replica where Memory: ~Copyable {
    mutating func tell(
        _ event: LiveEngineEvent, _ request: Int, at time: Nanoseconds, tokens: Int32
    ) throws(BatchingError) {
        try observer.events.append(event, requests.id(request), at: time, tokens: tokens)
    }

    /// A request has finished, was rejected, or has left.
    mutating func tellEnd(
        _ event: LiveEngineEvent, _ request: Int, at time: Nanoseconds, tokens: Int32
    ) throws(BatchingError) {
        try observer.noteEnd(request)
        try observer.tellEnd(event, request, id: requests.id(request), at: time, tokens: tokens)
    }

    /// Whether, unless blocks run out, no request looks into the cache any more: none waits, or will come.
    var isCountable: Bool {
        @inline(always) get { waiting.count == 0 && !hasArrivals }
    }

    /// Whether it is told where the time of the requests goes.
    var isAttributed: Bool {
        @inline(__always) get { Observation.isAny && observer.attributes }
    }
    var logsIterations: Bool {
        @inline(__always) get { Observation.isAny && observer.logsIterations }
    }
    var logsDecisions: Bool {
        @inline(__always) get { Observation.isAny && observer.logsDecisions }
    }
}
