// What a run tells of its decisions, if logs are wanted.
extension Replica where Memory: ~Copyable {
    /// Those scheduled, in the order of the running, and the queues if wanted; before the iteration is completed.
    /// - Parameter firstAdmission: the place in the order of admission of the first request that this iteration
    ///   admits.
    @inline(never)
    mutating func logDecisions(firstAdmission: Int64) throws(BatchingError) {
        walked &+= Int64(runningCount)
        let members = members.elements
        var slot = firstRunning
        while slot >= 0 {
            let member = members[slot]
            let previous = slot
            slot = Int(member.next)
            let request = Int(member.request)
            if member.sequence >= firstAdmission {
                let isWhole = member.state == .decoding
                let computed =
                    isWhole ? member.computed &+ iteration &+ 1 &- Int64(member.chunk) : member.computed
                try observer.decisionLog?.append(
                    member.wasPreempted ? .resumed : .admitted, request, iteration: iteration,
                    tokens: Memory.findsPrefixes ? computed : 0)
            }
            let tokens = member.state == .decoding ? max(1, Int64(member.chunk)) : Int64(member.chunk)
            if member.state == .decoding { members[previous].chunk = 0 }
            if tokens > 0 {
                try observer.decisionLog?.append(.scheduled, request, iteration: iteration, tokens: tokens)
            }
        }
        if observer.decisionLog?.includesQueues ?? false { try logQueues() }
    }

    private mutating func logQueues() throws(BatchingError) {
        walked &+= Int64(runningCount &+ waiting.count)
        var slot = firstRunning
        while slot >= 0 {
            let request = Int(members.elements[slot].request)
            try observer.decisionLog?.append(.running, request, iteration: iteration)
            slot = Int(members.elements[slot].next)
        }
        if policyRows.isUsed {
            try logWaitingRows()
        } else if waiting.isByArrival {
            slot = waiting.firstPreempted
            while slot >= 0 {
                let request = Int(members.elements[slot].request)
                try observer.decisionLog?.append(.waiting, request, iteration: iteration)
                slot = Int(members.elements[slot].next)
            }
            var position = waiting.firstFresh
            while position < arrived {
                let request = index(at: position)
                if isInQueue(request) {
                    try observer.decisionLog?.append(.waiting, request, iteration: iteration)
                    position &+= 1
                } else {
                    position = try endOfAbsence(from: position)
                }
            }
        } else {
            var sorted = try waiting.sorted()
            while sorted.count > 0 {
                try observer.decisionLog?.append(.waiting, sorted.top.request, iteration: iteration)
                sorted.removeFirst(members.elements)
            }
        }
    }

    /// Positions have changed: what was known of them is not known any more.
    mutating func forgetAbsence() { absentEnds.elements.update(repeating: 0, count: absentEnds.capacity) }

    /// The first position, in order of arrival, behind those from `first` on that are not in the queue.
    /// - Complexity: O(1), taken over many: a request that has left the queue does not come back, so that what is known of
    ///   its neighbours stays true.
    @inline(never)
    private mutating func endOfAbsence(from first: Int) throws(BatchingError) -> Int {
        try absentEnds.reserve(requests.count, filler: 0)
        let ends = absentEnds.elements
        var position = first
        repeat {
            position = max(position &+ 1, Int(ends[position]))
            walked &+= 1
        } while position < arrived && !isInQueue(index(at: position))
        ends[first] = UInt32(truncatingIfNeeded: position)
        return position
    }
}
