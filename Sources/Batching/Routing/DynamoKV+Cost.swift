// What a request would cost at each worker, and which of them that leaves.
extension DynamoKV {
    /// Looks up how much of a prompt each worker has.
    mutating func look(_ hashIds: UnsafePointer<UInt64>?, count: Int) {
        for group in 0...(workers &- 1) >> 6 { look(hashIds, count: count, group: group) }
        hasLooked = true
    }

    /// The same for 64 workers.
    func look(_ hashIds: UnsafePointer<UInt64>?, count: Int, group: Int) {
        let first = group << 6
        let workers = min(64, workers &- first)
        // Without ids there is nothing to look up.
        let hashIds = hashIds ?? UnsafePointer(ScratchBuffer<UInt64>.nothing)
        let (active, held) = (settings.assumesKVReuse ? active.elements + first : nil, held.elements + first)
        paths.look(
            hashIds, count: count, group: group, workers: workers, active: active,
            held: settings.usesKVEvents ? nil : held)
        if settings.usesKVEvents {
            heldBlocks.look(hashIds, count: count, group: group, workers: workers, depths: held)
        }
    }

    /// Allows the workers of the least cost, or with a temperature those that are not too unlikely.
    func decide(promptLength: Int32, _ state: inout RoutingState) {
        weigh(promptLength, state)
        if state.wantsScores {
            for worker in 0..<workers where state.isUp.elements[worker] {
                state.scores.elements[worker] = cost.elements[worker]
            }
        }
        if settings.temperature == 0 {
            let cost = cost.elements
            state.allowLeast { cost[$0] }
        } else {
            allowByTemperature(&state)
        }
    }

    /// Sets the cost of each worker that is up, in blocks.
    private func weigh(_ promptLength: Int32, _ state: borrowing RoutingState) {
        let length = Int64(promptLength)
        let size = Int64(blockSize)
        let total = Int64(wholeBlocks(promptLength))
        let tracks = settings.tracksPrefillTokens
        let decays = tracks && settings.overlapScoreCreditDecay > 0
        let least = decays ? leastPrefill(state) : 0
        let lengthInBlocks = Double(max(1, (length &+ size &- 1) / size))
        for worker in 0..<workers where state.isUp.elements[worker] {
            let held = Int64(held.elements[worker])
            let inUse = blocksInUse.elements[worker] &+ total &- Int64(active.elements[worker])
            let blocksThen = settings.countsBlocks ? Double(inUse) : 0
            let ofRequests = settings.decodeActiveRequestWeight * Double(state.requests.elements[worker])
            var credit = settings.overlapScoreCredit
            if !tracks {
                // Dynamo's form for workers that only decode.
                let cost = credit > 0 ? max(0, blocksThen - credit * Double(held)) : blocksThen
                self.cost.elements[worker] = cost + ofRequests
                continue
            }
            let prefill = state.prefillTokens.elements[worker]
            let cached = held &* size
            let raw = Double(prefill &+ max(length &- cached, 0) &+ cached) / Double(size)
            if decays {
                let excess = Double(prefill &- least) / Double(size)
                credit *= 1 / (1 + settings.overlapScoreCreditDecay * (excess / lengthInBlocks))
            }
            let ofPrefill = settings.prefillLoadScale * max(0, raw - credit * Double(held))
            cost.elements[worker] = ofPrefill + blocksThen + ofRequests
        }
    }

    private func leastPrefill(_ state: borrowing RoutingState) -> Int64 {
        var least = Int64.max
        for worker in 0..<workers where state.isUp.elements[worker] {
            least = min(least, state.prefillTokens.elements[worker])
        }
        return least
    }

    /// Whether no worker that is up takes a request without waiting.
    func areAllBusy(_ state: borrowing RoutingState) -> Bool {
        guard let threshold = settings.queueThreshold else { return false }
        let most = threshold * Double(settings.maxNumBatchedTokens)
        for worker in 0..<workers where state.isUp.elements[worker] {
            if !(Double(state.prefillTokens.elements[worker]) > most) { return false }
        }
        return true
    }
}

// The softmax over the costs.
extension DynamoKV {
    /// Makes shares of the costs: e^-(cost - least) / ((most - least) temperature).
    private func allowByTemperature(_ state: inout RoutingState) {
        var (least, most) = (Double.infinity, -Double.infinity)
        for worker in 0..<workers where state.isUp.elements[worker] {
            least = min(least, cost.elements[worker])
            most = max(most, cost.elements[worker])
        }
        state.beginDecision()
        for worker in 0..<workers where state.isUp.elements[worker] {
            let more = cost.elements[worker] - least
            let share = more == 0 ? 1 : Exponential.natural(-(more / ((most - least) * settings.temperature)))
            cost.elements[worker] = share
            if share > 0 { state.allow(worker) }
        }
    }

    func chooseByTemperature(_ state: inout RoutingState) -> Int {
        let candidates = state.candidates.elements
        var total = 0.0
        for place in 0..<state.candidateCount { total += cost.elements[Int(candidates[place])] }
        var left = Double(state.random.next() >> 11) * 0x1p-53 * total
        for place in 0..<state.candidateCount {
            left -= cost.elements[Int(candidates[place])]
            if left < 0 { return Int(candidates[place]) }
        }
        return Int(candidates[state.candidateCount &- 1])
    }
}
