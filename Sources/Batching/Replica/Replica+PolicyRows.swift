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
        limits.lookUp = PrefixLookup.function
        policyRows = try PolicyRows(policy, blockSize: memory.blockSize, limits: limits)
    }

    /// Asks the policy, whose rows are up to date.
    mutating func showPolicy(_ decision: inout PolicyDecision) throws(BatchingError) {
        let freeBlocks = memory.isLimited ? memory.free : Int.max
        guard Memory.findsPrefixes else {
            return try policyRows.decide(now: now, freeBlocks: freeBlocks, prefixes: nil, &decision)
        }
        // The only memory that finds prefixes. It stays where it is, and nothing else is done with it meanwhile.
        let place = withUnsafeMutablePointer(to: &memory) { UnsafeMutableRawPointer($0) }
        var lookup = PrefixLookup(
            memory: place.assumingMemoryBound(to: CachedBlocks.self), columns: policyRows.columns,
            members: members.elements, runningCount: policyRows.runningCount,
            time: now)
        try withUnsafeMutablePointer(to: &lookup) { (lookup) throws(BatchingError) in
            try policyRows.decide(now: now, freeBlocks: freeBlocks, prefixes: lookup, &decision)
        }
    }

    /// Brings the rows to where the requests are now.
    @inline(__always)
    mutating func updatePolicyRows() throws(BatchingError) {
        let elapsed = iteration &- policyRows.iteration
        if elapsed > 0 {
            policyRows.advance(elapsed)
            if policyRows.catchingUp > 0 { updateCatchingUp() }
            // Asynchronously they leave once their last tokens are there.
            if finishingCount > 0, !settings.isAsynchronous {
                policyRows.removeFinished(finishing.elements, finishingCount)
            }
            policyRows.iteration = iteration
        }
        if policyRows.taken < arrived { try takeIntoPolicyRows() }
    }

    /// Those that caught up in the last iteration: what they have is told by their members.
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
                // Those that have finished are taken out right after this; asynchronously they have nothing to compute.
                columns.generatedTokens[row] = generated(slot) &- (member.state == .finishing ? 1 : 0)
                if decodes {
                    columns.catchesUp[row] = 0
                    policyRows.catchingUp &-= 1
                }
            }
        }
    }

    // Asynchronously

    /// The batch that gives the last tokens of those in `finishing` is on its way.
    @inline(never)
    mutating func noteFinishingRows() throws(BatchingError) {
        try updatePolicyRows()
        policyRows.markFinishing(finishing.elements, finishingCount, members.elements)
        updateCatchingUp()
    }

    /// The last tokens of members are there, in order of admission: they are about to finish.
    @inline(never)
    mutating func removeFinishedRows(_ slots: UnsafePointer<Int32>, _ count: Int) {
        let members = members.elements
        var allRun = true
        for position in 0..<count where members[Int(slots[position])].state == .waiting { allRun = false }
        if allRun {
            policyRows.removeFinished(slots, count)
            policyRows.noteChange()
        } else {
            // Some were preempted while their last tokens were on their way.
            for position in 0..<count {
                removePolicyRow(Int(members[Int(slots[position])].request), slot: Int(slots[position]))
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

    /// Those that wait, after the scheduling, in the order of the rows.
    mutating func logWaitingRows() throws(BatchingError) {
        let columns = policyRows.columns
        for row in policyRows.runningCount..<policyRows.count {
            // Its index, and not what the caller calls it, as the policy is shown.
            let request = columns.candidate(row, members.elements).request
            try observer.decisionLog?.append(.waiting, request, iteration: iteration)
        }
    }
}
