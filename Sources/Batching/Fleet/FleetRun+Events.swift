// What replicas tell.
extension FleetRun {
    mutating func takeEvents(of replica: Int) throws(BatchingError) {
        let replicas = replicas
        let events = replicas[replica].takeEvents()
        if isAttributed { takeParts(of: replica, events) }
        guard split.isUsed else {
            for place in 0..<events.count { try take(events[place], replica) }
            return try deliverReleased()
        }
        var held = 0
        for place in 0..<events.count { try takeApart(events[place], replica, &held) }
        replicas[replica].forgetHeld()
        try deliverReleased()
    }

    /// Where the time of the requests went that ended at a replica.
    private mutating func takeParts(of replica: Int, _ events: UnsafeBufferPointer<RunEvent>) {
        let replicas = replicas
        let parts = replicas[replica].takeParts()
        let isTarget = split.isUsed && !split.isSource.elements[replica]
        var position = 0
        for place in 0..<events.count where events[place].isEnd && position < parts.count {
            let request = Int(events[place].id)
            let isDecode = isTarget && split.origins.elements[request] != .here
            var atClient = 0.0
            if loop.isUsed, let sent = outputs.results.sentTime, let arrival = outputs.results.arrivalTime {
                atClient = sent[request] - arrival[request]
            }
            outputs.noteParts(request, parts[position], atClient: atClient, isDecode: isDecode)
            position &+= 1
        }
    }

    /// The same where prefill and decode are apart.
    private mutating func takeApart(_ event: RunEvent, _ replica: Int, _ held: inout Int) throws(BatchingError) {
        let replicas = replicas
        let kind = LiveEngineEvent(rawValue: event.event).unsafelyUnwrapped
        let request = Int(event.id)
        if split.isSource.elements[replica] {
            switch kind {
            case .finished:
                let member = replicas[replica].nextHeld(held)
                held &+= 1
                try router.finished(slot: Int(slots.elements[request]), time: event.time.seconds)
                if split.settings.firstToken == .prefill { try outputs.note(event, .firstToken, replica) }
                if operations.isUsed { try notePromptDone(request, replica, at: event.time) }
                try notePromptDone(request, replica, member, at: event.time)
                return try release(at: event.time)
            case .firstToken: return
            case .admitted, .preempted, .resumed: return try outputs.note(event, kind, replica)
            case .rejected, .aborted:
                try router.finished(slot: Int(slots.elements[request]), time: event.time.seconds)
                if operations.isUsed, kind == .aborted, operations.phases.elements[request] == .losing {
                    try loseWithdrawn(request, at: event.time)
                    return try release(at: event.time)
                }
                try outputs.note(event, kind, replica)
                try turnAway(request, at: event.time)
                return try release(at: event.time)
            }
        }
        let origin = split.origins.elements[request]
        switch kind {
        case .admitted:
            outputs.columns.decodeStartTime?[request] = event.time.seconds
            if origin == .here { return try outputs.note(event, kind, replica) }
            try outputs.events.append(kind, request, replica, at: event.time, tokens: event.tokens)
        case .firstToken:
            if split.settings.firstToken == .decode || origin == .here {
                try outputs.note(event, kind, replica)
                if operations.isUsed { try noteFirstToken(request, at: event.time) }
            }
            if split.routerNeeds.firstTokens {
                try split.router.firstToken(slot: Int(split.slots.elements[request]), time: event.time.seconds)
            }
        case .finished, .rejected, .aborted:
            try outputs.note(event, kind, replica)
            if operations.isUsed, kind == .finished { operations.breakers.noteSuccess(replica) }
            try end(request, at: event.time, hasFailed: kind != .finished, atDecodeRouter: true)
        case .preempted, .resumed: try outputs.note(event, kind, replica)
        }
    }

    /// A request has ended, wherever it was.
    mutating func end(
        _ request: Int, at time: Nanoseconds, hasFailed: Bool, atDecodeRouter: Bool
    ) throws(BatchingError) {
        if atDecodeRouter { try split.router.finished(slot: Int(split.slots.elements[request]), time: time.seconds) }
        if operations.isUsed { try noteEnd(request, at: time) }
        if loop.isUsed { try loop.noteEnd(request, at: time, hasFailed: hasFailed) }
    }

    /// Requests that waited at the router are routed: they go to their replicas once no events are being looked at.
    mutating func release(at time: Nanoseconds) throws(BatchingError) {
        while let released = try router.releasedSlot() {
            try self.released.reserve(releasedCount &+ 1)
            self.released.elements[releasedCount] = Released(
                request: router.request(slot: released.slot), worker: released.worker, time: time)
            releasedCount &+= 1
        }
    }

    /// The same, and they go.
    mutating func deliverReleased(at time: Nanoseconds) throws(BatchingError) {
        try release(at: time)
        try deliverReleased()
    }

    /// What is told of a replica is not valid once that runs on, as it may for a request that comes to it.
    private mutating func deliverReleased() throws(BatchingError) {
        // What comes of one that is delivered follows behind the others.
        if isDelivering { return }
        isDelivering = true
        defer { isDelivering = false }
        while deliveredCount < releasedCount {
            let next = released.elements[deliveredCount]
            deliveredCount &+= 1
            if deliveredCount == releasedCount { (deliveredCount, releasedCount) = (0, 0) }
            if operations.isUsed {
                try placeReleased(next)
            } else {
                let replica = Int(split.sources.elements[next.worker])
                try deliver(Int(next.request), to: replica, at: next.time)
                noteArrival(at: replica, next.time)
            }
        }
    }

    /// A request that waited at the router goes to its replica, which is not to be that which lost it.
    private mutating func placeReleased(_ released: Released) throws(BatchingError) {
        let request = Int(released.request)
        let own = RoutedRequest(slot: Int(slots.elements[request]), worker: released.worker)
        let routed = try elsewhere(request, own, at: released.time)
        slots.elements[request] = UInt32(truncatingIfNeeded: routed.slot)
        try place(request, Int(split.sources.elements[routed.worker]), at: released.time)
        if routed.worker != own.worker { try release(at: released.time) }
    }

    private mutating func take(_ event: RunEvent, _ replica: Int) throws(BatchingError) {
        // The engine writes raw values of this type only.
        let kind = LiveEngineEvent(rawValue: event.event).unsafelyUnwrapped
        try outputs.note(event, kind, replica)
        let slot = Int(slots.elements[Int(event.id)])
        switch kind {
        case .firstToken:
            if operations.isUsed { try noteFirstToken(Int(event.id), at: event.time) }
            if needs.firstTokens { try router.firstToken(slot: slot, time: event.time.seconds) } else { return }
        case .finished, .rejected, .aborted:
            try router.finished(slot: slot, time: event.time.seconds)
            if operations.isUsed {
                if kind == .finished { operations.breakers.noteSuccess(replica) }
                try noteEnd(Int(event.id), at: event.time)
            }
            if loop.isUsed {
                try loop.noteEnd(Int(event.id), at: event.time, hasFailed: kind != .finished)
            }
        case .preempted, .admitted, .resumed: return
        }
        try release(at: event.time)
    }
}
