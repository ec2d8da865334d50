// Prefill and decode apart: the way of a request from the replica that computes its prompt to the one in which it decodes.
//
//   arrives -> its prompt is computed, and held -> KV blocks are reserved where it decodes -> transfer -> activated -> decodes
extension FleetRun {
    /// A request arrives, and it is decided which replica computes its prompt.
    /// - Returns: false: it computes it itself where it decodes.
    mutating func arriveApart(_ request: Int, at time: Nanoseconds) throws(BatchingError) -> Bool {
        var target = -1
        if split.settings.decodeChoice == .atArrival || split.settings.decider == .never {
            target = try chooseTarget(request, at: time)
            guard target >= 0, isThere(target) else {
                try lose(request, target, at: time)
                return false
            }
            if try isLocal(request, target, at: time) {
                split.origins.elements[request] = .here
                outputs.columns.routedTime?[request] = time.seconds
                try noteRouted(request, target, at: time)
                try startBeforeArrivals(target, at: time)
                if operations.isUsed {
                    operations.phases.elements[request] = .placed
                    operations.countPrompt(request, requests.prompt(request), at: target)
                }
                try submit(request, of: requests, to: target, at: time)
                noteArrival(at: target, time)
                return false
            }
        }
        let number = try split.handOvers.add(request, source: -1, target: target)
        if split.settings.reserve == .prefill {
            split.handOvers.appendToReserve(number, target)
            try runOn(target, to: time)
            try control(target, at: time)
        }
        return true
    }

    /// Where a request decodes; -1: none is up.
    private mutating func chooseTarget(_ request: Int, at time: Nanoseconds) throws(BatchingError) -> Int {
        guard split.router.workersUp > 0 else { return -1 }
        if takesDecodeEvents { try tellCacheChanges(at: time, toDecodeRouter: true) }
        var routed = try split.router.routed(question(request, time, decodes: true))
        if isLost(request, by: Int(split.targets.elements[max(routed.worker, 0)])) {
            let other = split.router.fewest(except: routed.worker)
            if other >= 0 {
                try split.router.finished(slot: routed.slot, time: time.seconds)
                let slot = try split.router.booked(question(request, time, decodes: true), worker: other)
                routed = RoutedRequest(slot: slot, worker: other)
            }
        }
        split.slots.elements[request] = UInt32(truncatingIfNeeded: routed.slot)
        let target = Int(split.targets.elements[max(routed.worker, 0)])
        outputs.columns.replica?[request] = Int32(truncatingIfNeeded: target)
        if operations.isUsed {
            operations.places.elements[request].target = Int32(truncatingIfNeeded: target)
            operations.loads.elements.add(1, at: target)
        }
        return target
    }

    /// Whether a replica is there; the router may not know yet that it is not.
    private func isThere(_ replica: Int) -> Bool {
        !operations.isUsed || operations.states.elements[replica] != .down
    }

    /// A request has no replica in which it could decode, and nothing else that is to be freed.
    /// - Parameter target: that was chosen, and is not there; -1: none was.
    private mutating func lose(_ request: Int, _ target: Int, at time: Nanoseconds) throws(BatchingError) {
        guard target >= 0 else { return try lose(request, at: time) }
        let summaries = operations.lostSummaries
        summaries[target].unfinished &+= 1
        try split.router.finished(slot: Int(split.slots.elements[request]), time: time.seconds)
        leaveTarget(request, at: time)
        try lose(request, by: target, at: time)
    }

    /// Whether a request computes its prompt where it decodes.
    private mutating func isLocal(_ request: Int, _ target: Int, at time: Nanoseconds) throws(BatchingError) -> Bool {
        let (prompt, settings) = (max(requests.prompt(request), 1), split.settings)
        switch settings.decider {
        case .always, .preset: return false
        case .never: return true
        case .prefixThreshold:
            let tokens = settings.deciderTokens ?? 16
            if tokens == 0 || prompt < tokens { return true }
            return prompt &- (try cachedTokens(request, target, at: time)) < tokens
        case .dynamoConditional:
            let new = prompt &- (try cachedTokens(request, target, at: time))
            return new < settings.deciderTokens ?? 2048 && Double(new) < settings.deciderRatio * Double(prompt)
        }
    }

    private mutating func cachedTokens(_ request: Int, _ target: Int, at time: Nanoseconds) throws(BatchingError)
        -> Int64
    {
        try runOn(target, to: time)
        let replicas = replicas
        return replicas[target].cachedTokens(heldPrompt(request))
    }

    private func heldPrompt(_ request: Int) -> HeldPrompt {
        let prompt = max(requests.prompt(request), 1)
        return HeldPrompt(
            requests: requests, index: request, tokens: prompt, longest: prompt &+ requests.output(request))
    }

    /// The replica that computes prompts has finished one.
    mutating func notePromptDone(_ request: Int, _ source: Int, _ member: HeldMember, at time: Nanoseconds)
        throws(BatchingError)
    {
        let number = split.handOvers.number(of: request)
        var record = split.handOvers[number]
        record.source = Int32(truncatingIfNeeded: source)
        record.heldSlot = member.slot
        record.lastChunk = member.lastChunk
        split.handOvers[number] = record
        outputs.columns.heldTime?[request] = time.seconds
        try split.handOvers.noteDone(number, at: time)
    }

    /// The replica that was to compute a prompt has turned it away.
    mutating func turnAway(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        try withdraw(split.handOvers.number(of: request), at: time)
        try end(request, at: time, hasFailed: true, atDecodeRouter: false)
    }

    /// What becomes of the prompts that are done, once all that ends at this time has.
    mutating func handOver() throws(BatchingError) {
        let time = split.handOvers.time
        for position in 0..<split.handOvers.doneCount {
            try Work.done(iterations: 1)
            let number = split.handOvers.done(position)
            if number >= 0 { try handOver(number, at: time) }
        }
        split.handOvers.forgetDone()
    }

    private mutating func handOver(_ number: Int, at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        // Only now: until all that ends at this time has, blocks may be reserved for it, and nothing more.
        split.handOvers[number].isHeld = true
        var record = split.handOvers[number]
        let request = Int(record.request)
        if operations.isUsed, operations.phases.elements[request] == .losing {
            try withdraw(number, at: time)
            return try lose(request, at: time)
        }
        if split.settings.firstToken == .prefill, requests.output(request) == 1 {
            try withdraw(number, at: time)
            try outputs.noteEnd(request, .finished, tokens: 1, at: time)
            return try end(request, at: time, hasFailed: false, atDecodeRouter: false)
        }
        if record.target < 0 {
            let target = try chooseTarget(request, at: time)
            guard target >= 0, isThere(target) else {
                try withdraw(number, at: time)
                return try lose(request, target, at: time)
            }
            record.target = Int32(truncatingIfNeeded: target)
            split.handOvers[number] = record
        }
        let target = Int(record.target)
        if let reason = replicas[target].rejection(prompt: requests.prompt(request), output: requests.output(request)) {
            try withdraw(number, at: time)
            try outputs.noteEnd(request, reason, tokens: 0, at: time)
            turnedAway &+= 1
            return try end(request, at: time, hasFailed: true, atDecodeRouter: false)
        }
        if record.heldSlot < 0 {
            // Its KV was lost as it was preempted.
            if operations.isUsed { leave(request, at: time) }
            if record.reservedSlot >= 0 { try freeReserved(record, at: time) }
            return try recompute(number, at: time)
        }
        if let lease = split.settings.lease {
            try expectHandOver(
                .lease, number, mark: record.mark, at: time.later(by: Nanoseconds(cappedSeconds: lease)))
        }
        if record.reservedSlot >= 0 {
            try runOn(target, to: time)
            try send(number, wasReserved: record.reservedTime < time, at: time)
            return try control(target, at: time)
        }
        if split.settings.reserve != .prefill { split.handOvers.appendToReserve(number, target) }
        try runOn(target, to: time)
        if replicas[target].iterationEnd == nil {
            split.handOvers.poke(target)
        }
        try control(target, at: time)
    }

    /// A request computes its prompt where it decodes, as its KV is not to be had.
    private mutating func recompute(_ number: Int, at time: Nanoseconds) throws(BatchingError) {
        let record = split.handOvers[number]
        let (request, target) = (Int(record.request), Int(record.target))
        if record.reservedSlot < 0, split.settings.reserve == .prefill {
            split.handOvers.removeToReserve(number, target)
        }
        split.handOvers.remove(number)
        if split.isLeaving.elements[request] { return try endLeaving(request, at: time) }
        split.origins.elements[request] = .again
        if operations.isUsed { operations.countPrompt(request, requests.prompt(request), at: target) }
        try outputs.noteActivated(request, target, at: time)
        try submit(request, of: requests, to: target, at: time)
        noteArrival(at: target, time)
    }

    /// What a replica that decodes does between two iterations: it reserves KV blocks for prompts that are to come, and takes in
    /// those that are there.
    mutating func control(_ target: Int, at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        let queue = split.handOvers.queues.elements + target
        if replicas[target].iterationEnd == nil {
            var isBlocked = false
            while true {
                if !isBlocked, queue.pointee.firstToReserve >= 0, mayReserve(target) {
                    queue.pointee.pokes &-= 1
                    isBlocked = try !reserve(target, at: time)
                } else if queue.pointee.firstLanded >= 0 {
                    let number = Int(queue.pointee.firstLanded)
                    split.handOvers.removeFirstLanded(target)
                    try activate(number, at: time)
                } else {
                    break
                }
            }
        }
        queue.pointee.pokes = 0
        setTime(of: target, isOpen: isExpected)
    }

    /// Whether the first in the line may look for blocks.
    private mutating func mayReserve(_ target: Int) -> Bool {
        let replicas = replicas
        let queue = split.handOvers.queues.elements[target]
        switch split.settings.reserve {
        case .start, .preset: return queue.pokes > 0
        case .admission: return replicas[target].hasFreeSlot
        case .prefill:
            // What those that decode, and those that will, are to have left; as SGLang reckons, without what it could take
            // back from them.
            let load = replicas[target].load()
            let users = load.running &+ load.waiting &+ queue.reserved
            let (free, size) = replicas[target].freeBlocks
            let record = split.handOvers[Int(queue.firstToReserve)]
            let need = max(requests.prompt(Int(record.request)), 1) &+ split.settings.reservedDecodeTokens
            let left = Double(free) * Double(size) - Double(users) * Double(split.settings.reservedDecodeTokens)
            // The first is served if there is no other.
            return users == 0 || Double(need) <= left
        }
    }

    /// - Returns: whether the first in the line has blocks now.
    private mutating func reserve(_ target: Int, at time: Nanoseconds) throws(BatchingError) -> Bool {
        let replicas = replicas
        let queue = split.handOvers.queues.elements + target
        let number = Int(queue.pointee.firstToReserve)
        var record = split.handOvers[number]
        guard let held = try replicas[target].hold(heldPrompt(Int(record.request))) else { return false }
        split.handOvers.removeFirstToReserve(target)
        queue.pointee.reserved &+= 1
        record.reservedSlot = Int32(truncatingIfNeeded: held.slot)
        record.reservedTime = time
        record.found = Int32(truncatingIfNeeded: held.found)
        record.next = -1
        split.handOvers[number] = record
        outputs.columns.reservedTime?[Int(record.request)] = time.seconds
        if record.isHeld { try send(number, wasReserved: false, at: time) }
        return true
    }

    /// The transfer of a prompt that is done begins.
    private mutating func send(_ number: Int, wasReserved: Bool, at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        var record = split.handOvers[number]
        record.isSent = true
        split.handOvers[number] = record
        let target = Int(record.target)
        let bytes = split.bytes(
            record, prompt: max(requests.prompt(Int(record.request)), 1), blockSize: replicas[target].freeBlocks.size,
            wasReserved: wasReserved)
        let latency = Nanoseconds(validSeconds: split.settings.linkLatency)
        if split.settings.linkSharing != .none, bytes > 0 {
            let link = split.link(record)
            try split.links.begin(number, bytes: bytes, link: link, at: time)
            return try watch(link)
        }
        var duration = latency
        if bytes > 0 {
            duration = Nanoseconds(cappedSeconds: split.settings.linkLatency + bytes / split.settings.linkBandwidth)
        }
        if duration == .zero { return try land(number, at: time) }
        try expectHandOver(.landing, number, mark: record.mark, at: time.later(by: duration))
    }

    mutating func watch(_ link: Int) throws(BatchingError) {
        if let next = split.links.nextEnd(link) { try expectHandOver(.link, link, mark: next.mark, at: next.time) }
    }

    private mutating func expectHandOver(
        _ kind: TimedEvents.Kind, _ index: Int, mark: Int64, at time: Nanoseconds
    ) throws(BatchingError) {
        try timers.add(kind, index, mark: mark, at: time)
        operations.pending &+= 1
    }

    /// The KV of a request is where it decodes.
    private mutating func land(_ number: Int, at time: Nanoseconds) throws(BatchingError) {
        let record = split.handOvers[number]
        if split.settings.sourceRelease == .readDone { try free(record, at: time) }
        let replicas = replicas
        if replicas[Int(record.target)].iterationEnd == nil {
            try activate(number, at: time)
        } else {
            split.handOvers.appendLanded(number, Int(record.target))
            split.handOvers[number].hasLanded = true
        }
    }

    /// A request is among those of the replica in which it decodes.
    private mutating func activate(_ number: Int, at time: Nanoseconds) throws(BatchingError) {
        let replicas = replicas
        let record = split.handOvers[number]
        let (request, target) = (Int(record.request), Int(record.target))
        if split.settings.sourceRelease == .activation { try free(record, at: time) }
        let queue = split.handOvers.queues.elements + target
        queue.pointee.reserved &-= 1
        queue.pointee.pokes &+= 1
        split.handOvers.remove(number)
        if split.isLeaving.elements[request] {
            replicas[target].release(held: Int(record.reservedSlot), at: time)
            return try endLeaving(request, at: time)
        }
        try outputs.noteActivated(request, target, at: time)
        let generated: Int32 = split.settings.firstToken == .prefill ? 1 : 0
        try replicas[target].submit(
            request, of: requests, arrival: time, turn: turn(of: request), held: Int(record.reservedSlot),
            generated: generated)
    }

    /// A request whose client is gone ends, as its KV is there, or is not to be had.
    private mutating func endLeaving(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        let tokens: Int32 = split.settings.firstToken == .prefill ? 1 : 0
        let isLate = operations.isUsed && operations.phases.elements[request] == .leaving
        try outputs.noteEnd(request, isLate ? .timedOut : .aborted, tokens: tokens, at: time)
        operations.failed &+= 1
        try end(request, at: time, hasFailed: true, atDecodeRouter: true)
    }

    /// The replica that computed a prompt frees its KV blocks.
    mutating func free(_ record: HandOver, at time: Nanoseconds) throws(BatchingError) {
        if operations.isUsed, record.source >= 0 { leave(Int(record.request), at: time) }
        guard record.heldSlot >= 0 else { return }
        let (replicas, source) = (replicas, Int(record.source))
        split.handOvers[split.handOvers.number(of: Int(record.request))].heldSlot = -1
        try runOn(source, to: time)
        replicas[source].release(held: Int(record.heldSlot), at: time)
        outputs.columns.releasedTime?[Int(record.request)] = (replicas[source].iterationEnd ?? time).seconds
        setTime(of: source, isOpen: isExpected)
    }

    /// What was reserved where a request was to decode is free again.
    mutating func freeReserved(_ record: HandOver, at time: Nanoseconds) throws(BatchingError) {
        let (replicas, target) = (replicas, Int(record.target))
        try runOn(target, to: time)
        replicas[target].release(held: Int(record.reservedSlot), at: time)
        split.handOvers.noteFreed(target)
        try control(target, at: time)
    }

    /// Something happens whose time was known.
    mutating func fire() throws(BatchingError) {
        try Work.done(iterations: 1)
        let event = timers.takeNext()
        if operations.isUsed { try operate(event) } else { try fireHandOver(event) }
    }

    mutating func fireHandOver(_ event: TimedEvents.Event) throws(BatchingError) {
        let index = Int(event.index)
        switch event.kind {
        case .landing:
            if split.handOvers[index].mark == event.mark { try land(index, from: event.time) }
        case .link:
            guard split.links.isCurrent(index, mark: event.mark) else { return }
            let number = split.links.end(index, at: event.time)
            try watch(index)
            let latency = Nanoseconds(validSeconds: split.settings.linkLatency)
            if latency == .zero { return try land(number, from: event.time) }
            try expectHandOver(
                .landing, number, mark: split.handOvers[number].mark, at: event.time.later(by: latency))
        case .lease:
            let record = split.handOvers[index]
            guard record.mark == event.mark, !record.isSent else { return }
            try free(record, at: event.time)
            if split.settings.reserve != .prefill {
                split.handOvers.removeToReserve(index, Int(record.target))
            }
            try recompute(index, at: event.time)
        default: return
        }
    }

    /// The same, for which the replica has run up to then.
    private mutating func land(_ number: Int, from time: Nanoseconds) throws(BatchingError) {
        let target = Int(split.handOvers[number].target)
        try runOn(target, to: time)
        try land(number, at: time)
        try control(target, at: time)
    }
}
