// What a request holds between two replicas is freed before it comes to its end there.
extension FleetRun {
    /// A request is on its way from one replica to another no longer: both free what they hold for it.
    mutating func withdraw(_ number: Int, at time: Nanoseconds) throws(BatchingError) {
        try takeOut(number, at: time)
        let record = split.handOvers[number]
        let request = Int(record.request)
        if record.reservedSlot >= 0 { try freeReserved(record, at: time) }
        try free(record, at: time)
        split.handOvers.remove(number)
        guard record.target >= 0 else { return }
        try split.router.finished(slot: Int(split.slots.elements[request]), time: time.seconds)
        if operations.isUsed { leaveTarget(request, at: time) }
    }

    /// It waits for nothing more, and nothing is sent of it.
    private mutating func takeOut(_ number: Int, at time: Nanoseconds) throws(BatchingError) {
        let record = split.handOvers[number]
        if record.source >= 0, !record.isHeld { split.handOvers.removeDone(number) }
        guard record.target >= 0 else { return }
        if record.isSent {
            guard split.settings.linkSharing != .none else { return }
            let link = split.link(record)
            if split.links.remove(number, link: link, at: time) { try watch(link) }
        } else if record.reservedSlot < 0 {
            split.handOvers.removeToReserve(number, Int(record.target))
        }
    }

    // A replica is lost

    /// What is lost with a replica beside what is among its requests: gathers the requests behind the first `count`.
    /// - Returns: how many there are then.
    mutating func gatherHandOvers(of replica: Int, behind count: Int, at time: Nanoseconds) throws(BatchingError) -> Int
    {
        var (count, position) = (count, 0)
        let isSource = split.isSource.elements[replica]
        while let number = split.handOvers.next(from: position) {
            try Work.row(number)
            position = number &+ 1
            let record = split.handOvers[number]
            guard Int(isSource ? record.source : record.target) == replica else { continue }
            if isSource {
                split.handOvers[number].heldSlot = -1
                // What is where it is needed goes on.
                if record.hasLanded {
                    leave(Int(record.request), at: time)
                    continue
                }
            } else {
                split.handOvers[number].reservedSlot = -1
            }
            try operations.lostRequests.reserve(count &+ 1)
            operations.lostRequests.elements[count] = Int64(record.request)
            count &+= 1
            // Before any is freed: what is freed is not for those that are lost.
            if isSource || record.isSent { try takeOut(number, at: time) }
        }
        if !isSource { split.handOvers.clear(replica) }
        return count
    }

    /// A request is lost with a replica, wherever it is.
    mutating func loseApart(_ request: Int, by replica: Int, at time: Nanoseconds) throws(BatchingError) {
        let source = Int(operations.places.elements[request].replica)
        if source >= 0, source != replica { try runOn(source, to: time) }
        // Its source may have turned it away at this very time.
        if operations.phases.elements[request] == .ended { return }
        let number = split.handOvers.number(of: request)
        guard number >= 0 else {
            try split.router.finished(slot: Int(split.slots.elements[request]), time: time.seconds)
            leaveTarget(request, at: time)
            return try lose(request, by: replica, at: time)
        }
        let hasPrompt = split.handOvers[number].source >= 0
        if split.isSource.elements[replica] {
            if !hasPrompt { try router.finished(slot: Int(slots.elements[request]), time: time.seconds) }
            leave(request, at: time)
            // That in which it was to decode may be lost already.
            let isLost = operations.phases.elements[request] == .losing
            try withdraw(number, at: time)
            return try lose(request, by: isLost ? nil : replica, at: time)
        }
        let phase = operations.phases.elements[request]
        if hasPrompt || phase == .queued {
            if !hasPrompt { try router.finished(slot: Int(slots.elements[request]), time: time.seconds) }
            try withdraw(number, at: time)
            return try lose(request, by: replica, at: time)
        }
        // Its prompt is being computed.
        try split.router.finished(slot: Int(split.slots.elements[request]), time: time.seconds)
        leaveTarget(request, at: time)
        split.handOvers[number].target = -1
        try noteLoss(of: request, by: replica, at: time)
        guard phase == .placed else { return }
        operations.phases.elements[request] = .losing
        try leave(request, from: source, at: time)
    }

    /// A request has left the replica that computed its prompt, as that in which it was to decode is lost.
    mutating func loseWithdrawn(_ request: Int, at time: Nanoseconds) throws(BatchingError) {
        operations.withdrawn &+= 1
        leave(request, at: time)
        try withdraw(split.handOvers.number(of: request), at: time)
        try lose(request, at: time)
    }

    /// A replica has computed a prompt.
    mutating func notePromptDone(_ request: Int, _ source: Int, at time: Nanoseconds) throws(BatchingError) {
        operations.breakers.noteSuccess(source)
        operations.uncountPrompt(request, requests.prompt(request))
        if split.settings.firstToken == .prefill { try noteFirstToken(request, at: time) }
        let phase = operations.phases.elements[request]
        if phase == .leaving || phase == .quitting { split.isLeaving.elements[request] = true }
    }
}
