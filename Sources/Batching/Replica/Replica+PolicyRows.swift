// What a custom policy is shown is kept up to date.
extension Replica where Memory: ~Copyable {
    /// Keeps rows for a custom policy, if there is one.
    mutating func keepPolicyRows(_ configuration: EngineConfig) throws(BatchingError) {
        guard settings.asksCaller, let policy = configuration.policyCallback else { return }
        var limits = PolicyView.Contents(PolicyColumns.none)
        limits.maxNumSeqs = settings.maxNumSeqs
        limits.maxNumBatchedTokens = settings.maxNumBatchedTokens
        limits.usableKVBlocks = memory.usable
        limits.blockSize = configuration.blockSize
        policyRows = try PolicyRows(policy, blockSize: memory.blockSize, limits: limits)
    }

    /// Brings the rows to where the requests are now.
    @inline(__always)
    mutating func updatePolicyRows() throws(BatchingError) {
        let elapsed = iteration &- policyRows.iteration
        if elapsed > 0 {
            policyRows.advance(elapsed)
            if policyRows.catchingUp > 0 { updateCatchingUp() }
            if finishingCount > 0 { policyRows.removeFinished(finishing.elements, finishingCount) }
            policyRows.iteration = iteration
        }
        if policyRows.taken < arrived { try takeIntoPolicyRows() }
    }

    /// Those who caught up in the last iteration: what they have is told by their members.
    @inline(never)
    private mutating func updateCatchingUp() {
        let columns = policyRows.columns
        var left = policyRows.catchingUp
        // Most of them were admitted last.
        var row = policyRows.runningCount
        while left > 0, row > 0 {
            row &-= 1
            if columns.catchesUp[row] == 1 {
                left &-= 1
                let slot = Int(columns.slot[row])
                let member = members.elements[slot]
                let decodes = member.state == .decoding
                let computed = decodes ? member.computed &+ iteration : member.computed
                columns.computedTokens[row] = computed
                columns.kvBlocks[row] = Int64(truncatingIfNeeded: memory.blockSize.holding(computed))
                // Those who have finished are taken out right after this.
                columns.generatedTokens[row] = generated(slot)
                if decodes {
                    columns.catchesUp[row] = 0
                    policyRows.catchingUp &-= 1
                }
            }
        }
    }

    @inline(never)
    mutating func takeIntoPolicyRows() throws(BatchingError) {
        policyRows.noteChange()
        while policyRows.taken < arrived {
            let request = index(at: policyRows.taken)
            policyRows.taken &+= 1
            if !isInQueue(request) { continue }
            try appendPolicyRow(request)
        }
    }

    /// A request that never ran has a row.
    mutating func appendPolicyRow(_ request: Int) throws(BatchingError) {
        let prompt = prompt(request)
        try policyRows.append(
            request: request, id: requests.id(request), arrival: requests.arrival(request), prompt: prompt,
            output: output(request), computed: settings.hasInstantPrefill ? prompt &- 1 : 0,
            priority: requests.priority?[request] ?? 0, tieBreak: requests.tieBreak?[request] ?? Int64(request))
    }

    /// Whether every request that runs decodes, nothing has happened since the policy was asked, and it need not be asked then.
    @inline(__always)
    func goesOnUnasked() -> Bool {
        policyRows.holdsUntilChange && runningCount > 0 && decoding == runningCount && finishingCount == 0
            && policyRows.taken == arrived && policyRows.waitsUntil <= now && dueLists.isEmpty(iteration)
            && memory.neededByDecodes <= memory.free
    }

    /// Requests that wait and never ran, in the order of the rows: for the end of a run.
    mutating func writeWaitingRows(_ status: RequestStatus) throws(BatchingError) {
        try updatePolicyRows()
        let columns = policyRows.columns
        for row in policyRows.runningCount..<policyRows.count where columns.slot[row] < 0 {
            writeUnserved(columns.unserved(row), status)
        }
    }

    /// Those who wait, after the scheduling, in the order of the rows.
    mutating func logWaitingRows() throws(BatchingError) {
        let columns = policyRows.columns
        for row in policyRows.runningCount..<policyRows.count {
            try observer.decisionLog?.append(.waiting, Int(columns.request[row]), iteration: iteration)
        }
    }
}
