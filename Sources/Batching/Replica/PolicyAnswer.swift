/// What an answer of a custom policy is checked against.
struct PolicyLimits {
    let iteration: Int64
    /// Rows, and those of them that run.
    let count: Int
    let runningCount: Int
    /// Those that run and decode, as they are counted, and the others.
    let decoding: Int
    let catchingUp: Int
    let maxNumSeqs: Int
    let maxNumBatchedTokens: Int64
}

/// What an answer adds up to.
struct PolicySums {
    var tokens: Int64 = 0
    var admitted = 0
    /// Those counted as decoding that are neither scheduled nor preempted.
    var rest = 0
    /// Whether any request is scheduled that is not counted as decoding.
    var hasOthers = false
}

/// The rows that the answer of a custom policy names.
struct PolicyAnswer: BitwiseCopyable {
    private static var scheduled: UInt8 { 1 }
    private static var preempted: UInt8 { 2 }

    let scheduledRow: UnsafeMutablePointer<Int64>
    let scheduledTokens: UnsafeMutablePointer<Int32>
    let preemptedRow: UnsafeMutablePointer<Int64>
    private(set) var scheduledCount: Int
    let preemptedCount: Int

    @inline(__always)
    init(_ decision: PolicyDecision) {
        scheduledRow = decision.scheduledRow
        scheduledTokens = decision.scheduledTokens
        preemptedRow = decision.preemptedRow
        scheduledCount = decision.scheduledCount
        preemptedCount = decision.preemptedCount
    }

    /// Throws unless all of it is possible, but for the KV blocks, and marks the rows that it names.
    /// - Complexity: O(1) a row that it names.
    @inline(__always)
    mutating func check(
        _ columns: PolicyColumns, _ limits: PolicyLimits, decodesRest: Bool
    ) throws(BatchingError) -> PolicySums {
        var sums = PolicySums()
        sums.rest = limits.decoding
        if scheduledCount != 0 || preemptedCount != 0 || limits.catchingUp > 0 {
            try checkRows(columns, limits, &sums, decodesRest: decodesRest)
        }
        if decodesRest { sums.tokens &+= Int64(sums.rest) }
        if sums.tokens > limits.maxNumBatchedTokens { throw aboveBudget(limits, sums.tokens) }
        return sums
    }

    @inline(never)
    private mutating func checkRows(
        _ columns: PolicyColumns, _ limits: PolicyLimits, _ sums: inout PolicySums, decodesRest: Bool
    ) throws(BatchingError) {
        if scheduledCount < 0 || scheduledCount > limits.count || preemptedCount < 0
            || preemptedCount > limits.runningCount
        {
            throw badCounts(limits)
        }
        for position in 0..<preemptedCount {
            let row = preemptedRow[position]
            guard row >= 0, row < Int64(limits.runningCount), columns.mark[Int(row)] == 0 else {
                throw badPreemption(position, columns, limits)
            }
            columns.mark[Int(row)] = PolicyAnswer.preempted
            sums.rest &-= 1 &- Int(columns.catchesUp[Int(row)])
        }
        // What is added up stays in registers.
        var (tokens, decodes, admitted): (Int64, Int, Int) = (0, 0, 0)
        for position in 0..<scheduledCount {
            let row = scheduledRow[position]
            guard row >= 0, row < Int64(limits.count), columns.mark[Int(row)] == 0 else {
                throw badRow(position, columns, limits)
            }
            columns.mark[Int(row)] = PolicyAnswer.scheduled
            let count = Int64(scheduledTokens[position])
            guard count >= 1, count <= columns.uncomputed(Int(row)) else {
                throw badTokens(position, columns, limits)
            }
            tokens &+= count
            if row >= Int64(limits.runningCount) {
                admitted &+= 1
            } else {
                decodes &+= 1 &- Int(columns.catchesUp[Int(row)])
            }
        }
        sums.tokens = tokens
        sums.rest &-= decodes
        sums.admitted = admitted
        if decodesRest, limits.catchingUp > 0 { scheduleRest(columns, limits, &sums) }
        sums.hasOthers = decodes < scheduledCount
        let running = limits.runningCount &- preemptedCount &+ admitted
        if admitted > 0, running > limits.maxNumSeqs { throw aboveSlots(limits, running) }
    }

    /// Schedules those that decode, but are not counted as such, since they were left out before or have just caught up.
    /// There is an element for each: every row has one.
    private mutating func scheduleRest(_ columns: PolicyColumns, _ limits: PolicyLimits, _ sums: inout PolicySums) {
        var left = limits.catchingUp
        var row = limits.runningCount
        while left > 0, row > 0 {
            row &-= 1
            guard columns.catchesUp[row] == 1 else { continue }
            left &-= 1
            guard columns.mark[row] == 0, columns.generatedTokens[row] > 0, columns.uncomputed(row) == 1 else {
                continue
            }
            columns.mark[row] = PolicyAnswer.scheduled
            scheduledRow[scheduledCount] = Int64(row)
            scheduledTokens[scheduledCount] = 1
            scheduledCount &+= 1
            sums.tokens &+= 1
        }
    }

    /// The marks are 0 between two answers.
    @inline(__always)
    func clearMarks(_ columns: PolicyColumns) {
        for position in 0..<scheduledCount { columns.mark[Int(scheduledRow[position])] = 0 }
        for position in 0..<preemptedCount { columns.mark[Int(preemptedRow[position])] = 0 }
    }
}

// What an answer may not say, in a sentence.
extension PolicyAnswer {
    /// - Returns: the time until which it waits.
    @inline(never)
    func checkedWait(
        until seconds: Double, _ decision: PolicyDecision, now: Nanoseconds, _ iteration: Int64
    ) throws(BatchingError) -> Nanoseconds {
        let requirement: ErrorText
        if !Nanoseconds.holds(seconds) {
            requirement = Nanoseconds.requirement
        } else if Nanoseconds(validSeconds: seconds) <= now {
            requirement = "must be after now, which is \(now.seconds)"
        } else if scheduledCount != 0 || preemptedCount != 0 || decision.decodesRest {
            requirement = "must be 0 if a row is scheduled or preempted, or with decode_rest"
        } else {
            return Nanoseconds(validSeconds: seconds)
        }
        throw .invalid(PolicyAnswer.argument("wait_until", iteration), seconds, requirement)
    }

    @inline(never)
    private func badCounts(_ limits: PolicyLimits) -> BatchingError {
        if scheduledCount < 0 || scheduledCount > limits.count {
            return PolicyAnswer.invalid(
                limits.iteration, "scheduled_count", scheduledCount,
                "must be between 0 and the number of rows of the view, \(limits.count)")
        }
        return PolicyAnswer.invalid(
            limits.iteration, "preempted_count", preemptedCount,
            "must be between 0 and the number of rows that run, \(limits.runningCount)")
    }

    @inline(never)
    private func badPreemption(_ position: Int, _ columns: PolicyColumns, _ limits: PolicyLimits) -> BatchingError {
        let row = preemptedRow[position]
        let isRow = row >= 0 && row < Int64(limits.runningCount)
        return PolicyAnswer.invalid(
            limits.iteration, "preempted_row[\(position)]", row,
            isRow
                ? "that row is preempted already"
                : "must be at least 0 and less than the number of rows that run, \(limits.runningCount)")
    }

    @inline(never)
    private func badRow(_ position: Int, _ columns: PolicyColumns, _ limits: PolicyLimits) -> BatchingError {
        let row = scheduledRow[position]
        let requirement: ErrorText
        if row < 0 || row >= Int64(limits.count) {
            requirement = "must be at least 0 and less than the number of rows of the view, \(limits.count)"
        } else if columns.mark[Int(row)] == PolicyAnswer.preempted {
            requirement = "that row is preempted in the same answer"
        } else {
            requirement = "that row is scheduled already"
        }
        return PolicyAnswer.invalid(limits.iteration, "scheduled_row[\(position)]", row, requirement)
    }

    @inline(never)
    private func badTokens(_ position: Int, _ columns: PolicyColumns, _ limits: PolicyLimits) -> BatchingError {
        let row = Int(scheduledRow[position])
        let uncomputed = columns.uncomputed(row)
        if uncomputed == 0 {
            return PolicyAnswer.invalid(
                limits.iteration, "scheduled_row[\(position)]", scheduledRow[position],
                "the last token of request \(columns.request[row]) is on its way, and nothing is left to compute")
        }
        return PolicyAnswer.invalid(
            limits.iteration, "scheduled_tokens[\(position)]", scheduledTokens[position],
            "must be between 1 and the \(uncomputed) that request \(columns.request[row]) has yet to compute")
    }

    @inline(never)
    private func aboveBudget(_ limits: PolicyLimits, _ tokens: Int64) -> BatchingError {
        PolicyAnswer.invalid(
            limits.iteration, "the number of tokens", tokens,
            "must be at most max_num_batched_tokens, which is \(limits.maxNumBatchedTokens)")
    }

    @inline(never)
    private func aboveSlots(_ limits: PolicyLimits, _ running: Int) -> BatchingError {
        PolicyAnswer.invalid(
            limits.iteration, "the number of requests running", running,
            "must be at most max_num_seqs, which is \(limits.maxNumSeqs)")
    }

    @inline(never)
    static func shortOfBlocks(_ iteration: Int64, needed: Int, free: Int) -> BatchingError {
        invalid(
            iteration, "the number of KV blocks needed", needed,
            "must be at most the free ones, which are \(free)")
    }

    private static func argument(_ name: ErrorText, _ iteration: Int64) -> ErrorText {
        "the policy's answer for iteration \(iteration): \(name)"
    }

    private static func invalid(
        _ iteration: Int64, _ name: ErrorText, _ value: some FixedWidthInteger, _ requirement: ErrorText
    ) -> BatchingError {
        .invalid(argument(name, iteration), value, requirement)
    }
}
