/// The requests of an engine that runs on in the order in which they are saved: the running, in order of admission; the
/// preempted and the others that wait, in the order of the queue; those that have not arrived, in order of arrival.
struct LiveRoll: ~Copyable {
    /// The row of each, and the place here of each row.
    private let rows: ScratchBuffer<UInt32>
    private let places: ScratchBuffer<UInt32>
    private(set) var count = 0
    private(set) var running = 0
    private(set) var preempted = 0
    private(set) var waiting = 0
    private(set) var pending = 0

    private init(count: Int, rows used: Int) throws(BatchingError) {
        let rows = try ScratchBuffer<UInt32>(count: count, repeating: 0)
        let places = try ScratchBuffer<UInt32>(count: used, repeating: 0)
        self.rows = rows
        self.places = places
    }

    static func of<Memory: LiveMemory & ~Copyable>(
        _ engine: inout LiveReplica<Memory>
    ) throws(BatchingError) -> LiveRoll {
        var roll = try LiveRoll(count: engine.rows.count, rows: engine.rows.used)
        let members = engine.run.replica.members.elements
        var slot = engine.run.replica.firstRunning
        while slot >= 0 {
            try Work.row(roll.count)
            roll.add(members[slot].request)
            slot = Int(members[slot].next)
        }
        roll.running = roll.count
        try roll.addWaiting(&engine)
        for position in engine.run.replica.arrived..<max(engine.positions, engine.run.replica.arrived) {
            try Work.row(position)
            if engine.run.replica.requests.isGone(Int(engine.order.elements[position])) { continue }
            roll.add(engine.order.elements[position])
        }
        roll.pending = roll.count - roll.running - roll.preempted - roll.waiting
        return roll
    }

    private mutating func addWaiting<Memory: LiveMemory & ~Copyable>(
        _ engine: inout LiveReplica<Memory>
    ) throws(BatchingError) {
        let members = engine.run.replica.members.elements
        if engine.run.replica.policyRows.isUsed {
            // The preempted are in front there, too.
            let columns = engine.run.replica.policyRows.columns
            for row in engine.run.replica.policyRows.runningCount..<engine.run.replica.policyRows.count {
                try Work.row(row)
                let slot = Int(columns.slot[row])
                add(slot >= 0 ? members[slot].request : UInt32(truncatingIfNeeded: columns.unserved(row)))
                if slot >= 0 { preempted += 1 }
            }
        } else if engine.run.replica.waiting.isByArrival {
            var slot = engine.run.replica.waiting.firstPreempted
            while slot >= 0 {
                try Work.row(count)
                add(members[slot].request)
                slot = Int(members[slot].next)
            }
            preempted = count - running
            for position in engine.firstPosition..<max(engine.run.replica.arrived, engine.firstPosition) {
                try Work.row(position)
                if engine.run.replica.requests.isGone(Int(engine.order.elements[position])) { continue }
                add(engine.order.elements[position])
            }
        } else {
            for pass in 0..<2 {
                let wasPreempted = pass == 0
                var queue = try engine.run.replica.waiting.sorted()
                while queue.count > 0 {
                    try Work.row(queue.count)
                    if (queue.top.slot >= 0) == wasPreempted { add(UInt32(truncatingIfNeeded: queue.top.request)) }
                    queue.removeFirst(members)
                }
                if wasPreempted { preempted = count - running }
            }
        }
        waiting = count - running - preempted
    }

    private mutating func add(_ row: UInt32) {
        rows.elements[count] = row
        places.elements[Int(row)] = UInt32(truncatingIfNeeded: count)
        count += 1
    }

    func row(at place: Int) -> Int { Int(rows.elements[place]) }

    func place(ofRow row: Int) -> Int32 { Int32(truncatingIfNeeded: places.elements[row]) }
}
