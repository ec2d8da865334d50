/// A policy of the caller's: it is shown a row for each request in the system, and its answer is checked before anything
/// of it is done.
enum CustomPolicy: SchedulingPolicy {
    static var reservesBlocks: Bool { false }
    static var padsBatch: Bool { false }
    static var schedulesAhead: Bool { false }

    @inline(__always)
    static func canCoast<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: borrowing Replica<Memory, Attribution>
    ) -> Bool {
        // Coasting takes it that who waits does not wait for memory.
        if Attribution.isWanted, replica.ledger.isShortOfMemory { return false }
        return replica.goesOnUnasked() && replica.canCoast(besideWaiting: true)
    }

    static func schedule<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ replica: inout Replica<Memory, Attribution>
    ) throws(BatchingError) -> Nanoseconds? {
        if replica.goesOnUnasked() {
            replica.memory.growDecodes(replica.members.elements, admittedBefore: .max)
            return nil
        }
        try replica.updatePolicyRows()
        let view = replica.policyView()
        var decision = replica.policyRows.emptyDecision
        try replica.policyRows.decide(view, &decision)
        var answer = PolicyAnswer(view, decision)
        replica.policyRows.holdsUntilChange = decision.holdsUntilChange
        if let wait = decision.waitUntil {
            let time = try answer.checkedWait(until: wait)
            replica.policyRows.waits &+= 1
            // Whoever waits so often, and for nothing, is taken to do so for ever: as with an empty answer.
            if replica.policyRows.waits <= 1000 &+ 100 &* view.runningCount { return time }
        }
        try apply(&answer, &replica)
        return nil
    }

    @inline(__always)
    private static func apply<Memory: BlockMemory & ~Copyable, Attribution: AttributionChoice>(
        _ answer: inout PolicyAnswer, _ replica: inout Replica<Memory, Attribution>
    ) throws(BatchingError) {
        let columns = replica.policyRows.columns
        try answer.checkCounts()
        var preemptedDecodes = 0
        for position in 0..<answer.decision.preemptedCount {
            preemptedDecodes &+= try answer.checkPreempted(position, columns)
        }
        var sums = AnswerSums()
        for position in 0..<answer.decision.scheduledCount { try answer.checkScheduled(position, columns, &sums) }
        let rest = replica.decoding &- preemptedDecodes &- sums.decodes
        if answer.decision.decodesRest {
            sums.tokens &+= Int64(rest)
            if replica.policyRows.catchingUp > 0 {
                answer.scheduleRest(columns, &sums, catchingUp: replica.policyRows.catchingUp)
            }
        }
        let decision = answer.decision
        try answer.checkLimits(sums)
        if sums.tokens > 0 { replica.policyRows.waits = 0 }

        replica.beginPreempting()
        for position in 0..<decision.preemptedCount {
            let row = Int(decision.preemptedRow[position])
            try replica.preempt(row: row, columns)
        }
        replica.endPreempting()
        if rest > 0, !decision.decodesRest { replica.leaveOut(columns) }
        try replica.grow(answer, columns, sums)
        if Attribution.isWanted {
            replica.ledger.isShortOfMemory = decision.preemptedCount > 0 || decision.isShortOfMemory
        }
        if sums.admitted > 0 { try replica.admit(answer, columns) }
        answer.clearMarks(columns)
        try replica.policyRows.move(decision, admitted: sums.admitted)
    }
}

/// What an answer adds up to.
struct AnswerSums {
    var tokens: Int64 = 0
    /// Those of the running that decode, and get their token.
    var decodes = 0
    var admitted = 0
}

/// An answer of a custom policy, and the view that it answers.
struct PolicyAnswer {
    private static var scheduled: UInt8 { 1 }
    private static var preempted: UInt8 { 2 }

    let view: PolicyView
    private(set) var decision: PolicyDecision

    init(_ view: PolicyView, _ decision: PolicyDecision) {
        self.view = view
        self.decision = decision
    }

    /// - Returns: the time until which it waits.
    @inline(never)
    func checkedWait(until seconds: Double) throws(BatchingError) -> Nanoseconds {
        let time = try Nanoseconds(seconds: seconds, argument: argument("wait_until"))
        guard time > view.time else {
            throw invalid("wait_until", seconds, "must be after now, which is \(view.time.seconds)")
        }
        guard decision.scheduledCount == 0, decision.preemptedCount == 0, !decision.decodesRest else {
            throw invalid("wait_until", seconds, "must be 0 if anybody is scheduled or preempted")
        }
        return time
    }

    @inline(__always)
    func checkCounts() throws(BatchingError) {
        if decision.scheduledCount < 0 || decision.scheduledCount > view.count {
            throw invalid(
                "scheduled_count", decision.scheduledCount, "must be between 0 and the \(view.count) rows of the view")
        }
        if decision.preemptedCount < 0 || decision.preemptedCount > view.runningCount {
            throw invalid(
                "preempted_count", decision.preemptedCount,
                "must be between 0 and the \(view.runningCount) that run")
        }
    }

    /// - Returns: 1 if the row is counted among those who decode, otherwise 0.
    @inline(__always)
    func checkPreempted(_ position: Int, _ columns: PolicyColumns) throws(BatchingError) -> Int {
        let row = decision.preemptedRow[position]
        if row < 0 || row >= Int64(view.runningCount) {
            throw invalid(
                "preempted_row[\(position)]", row,
                "must be a row that runs, which are the first \(view.runningCount)")
        }
        if columns.mark[Int(row)] != 0 {
            throw invalid("preempted_row[\(position)]", row, "is preempted already")
        }
        columns.mark[Int(row)] = PolicyAnswer.preempted
        return 1 &- Int(columns.catchesUp[Int(row)])
    }

    @inline(__always)
    func checkScheduled(
        _ position: Int, _ columns: PolicyColumns, _ sums: inout AnswerSums
    ) throws(BatchingError) {
        let row64 = decision.scheduledRow[position]
        guard row64 >= 0, row64 < Int64(view.count) else {
            throw invalid("scheduled_row[\(position)]", row64, "must be one of the \(view.count) rows of the view")
        }
        let row = Int(row64)
        if columns.mark[row] != 0 { throw twice(position, row64, columns.mark[row]) }
        columns.mark[row] = PolicyAnswer.scheduled
        let tokens = Int64(decision.scheduledTokens[position])
        let most =
            Int64(columns.promptTokens[row]) &+ Int64(columns.generatedTokens[row]) &- columns.computedTokens[row]
        if tokens < 1 || tokens > most { throw outOfRange(position, row, tokens, most) }
        sums.tokens &+= tokens
        if row >= view.runningCount {
            sums.admitted &+= 1
        } else {
            sums.decodes &+= 1 &- Int(columns.catchesUp[row])
        }
    }

    /// Schedules those who decode, but are not counted as such, since they were left out before or have just caught up.
    /// There is an element for each: every row has one.
    @inline(never)
    mutating func scheduleRest(_ columns: PolicyColumns, _ sums: inout AnswerSums, catchingUp: Int) {
        var left = catchingUp
        var row = view.runningCount
        while left > 0, row > 0 {
            row &-= 1
            guard columns.catchesUp[row] == 1 else { continue }
            left &-= 1
            let known = Int64(columns.promptTokens[row]) &+ Int64(columns.generatedTokens[row])
            let decodes = columns.generatedTokens[row] > 0 && known &- columns.computedTokens[row] == 1
            guard decodes, columns.mark[row] == 0 else { continue }
            columns.mark[row] = PolicyAnswer.scheduled
            decision.scheduledRow[decision.scheduledCount] = Int64(row)
            decision.scheduledTokens[decision.scheduledCount] = 1
            decision.scheduledCount &+= 1
            sums.tokens &+= 1
        }
    }

    @inline(__always)
    func checkLimits(_ sums: AnswerSums) throws(BatchingError) {
        if sums.tokens > view.maxNumBatchedTokens {
            throw invalid(
                "the number of tokens", sums.tokens,
                "must be at most max_num_batched_tokens, which is \(view.maxNumBatchedTokens)")
        }
        let running = view.runningCount &- decision.preemptedCount &+ sums.admitted
        if sums.admitted > 0, running > view.maxNumSeqs {
            throw invalid(
                "the number of those who run", running, "must be at most max_num_seqs, which is \(view.maxNumSeqs)")
        }
    }

    /// The marks are 0 between two answers.
    @inline(__always)
    func clearMarks(_ columns: PolicyColumns) {
        for position in 0..<decision.scheduledCount { columns.mark[Int(decision.scheduledRow[position])] = 0 }
        for position in 0..<decision.preemptedCount { columns.mark[Int(decision.preemptedRow[position])] = 0 }
    }

    @inline(never)
    private func twice(_ position: Int, _ row: Int64, _ mark: UInt8) -> BatchingError {
        invalid(
            "scheduled_row[\(position)]", row,
            mark == PolicyAnswer.preempted ? "is preempted in the same answer" : "is scheduled already")
    }

    @inline(never)
    private func outOfRange(_ position: Int, _ row: Int, _ tokens: Int64, _ most: Int64) -> BatchingError {
        invalid(
            "scheduled_tokens[\(position)]", tokens,
            "must be between 1 and the \(most) that request \(view.request[row]) has yet to compute")
    }

    @inline(never)
    func shortOfBlocks(_ needed: Int, free: Int) -> BatchingError {
        invalid("the number of KV blocks needed", needed, "must be at most those free, which are \(free)")
    }

    private func argument(_ name: String) -> String { "the policy's answer for iteration \(view.iteration): \(name)" }

    @inline(never)
    private func invalid(_ name: String, _ value: some Any, _ requirement: String) -> BatchingError {
        .invalid(argument(name), value, requirement)
    }
}
