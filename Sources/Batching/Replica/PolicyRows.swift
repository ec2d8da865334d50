#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The requests in the system as a custom policy sees them: a window of rows, first the running, in order of admission,
/// then the waiting. It is kept up to date by what changes: admissions in order, and preemptions of the last, only move
/// the boundary between the two, and a row that leaves lets those before it move up by one.
///
/// Without a custom policy it is empty and holds no memory.
struct PolicyRows: ~Copyable {
    private let policy: PolicyCallback?
    /// Rows for which there is memory.
    private var capacity = 0
    private var block: UnsafeMutableRawPointer?
    /// What a policy fills, and as much again to sort it in.
    private var answerBlock: UnsafeMutableRawPointer?
    /// Rows that are on their way to another place.
    private var asideBlock: UnsafeMutableRawPointer?
    private var asideCapacity = 0
    /// Where the window begins, and its columns from there on.
    private var start = 0
    private(set) var columns: PolicyColumns
    private(set) var count = 0
    private(set) var runningCount = 0
    private var viewBlock: UnsafeMutableRawPointer?
    private let blockSize: BlockSize

    /// Requests that have been taken in, or rejected: their number in order of arrival.
    var taken = 0
    /// The iteration before which the columns are what they say.
    var iteration: Int64 = 0
    /// How many of the running catch up.
    var catchingUp = 0
    /// Whether the policy need not be asked while nothing happens.
    var holdsUntilChange = false
    /// How often it has waited since something was computed or a request arrived.
    var waits = 0
    /// Until when it waits, unless something happens before.
    var waitsUntil = Nanoseconds.zero

    init() {
        policy = nil
        blockSize = BlockSize(1)
        columns = PolicyColumns.none
    }

    /// - Parameter limits: the view of a run, with what does not change in it.
    init(
        _ policy: PolicyCallback, blockSize: BlockSize, limits: PolicyView.Contents
    ) throws(BatchingError) {
        self.policy = policy
        self.blockSize = blockSize
        columns = PolicyColumns.none
        viewBlock = try PolicyRows.allocate(1, MemoryLayout<PolicyView.Contents>.stride)
        view.initialize(to: limits)
        try grow(to: 64)
    }

    deinit {
        free(viewBlock)
        free(block)
        free(answerBlock)
        free(asideBlock)
    }

    var isUsed: Bool { policy != nil }

    /// What the policy is shown. There is memory wherever there is a policy.
    private var view: UnsafeMutablePointer<PolicyView.Contents> {
        viewBlock.unsafelyUnwrapped.assumingMemoryBound(to: PolicyView.Contents.self)
    }

    private mutating func moveWindow(to position: Int) {
        start = position
        columns = PolicyColumns(block.unsafelyUnwrapped, capacity: capacity, first: position)
        var contents = PolicyView.Contents(columns)
        contents.maxNumSeqs = view.pointee.maxNumSeqs
        contents.maxNumBatchedTokens = view.pointee.maxNumBatchedTokens
        contents.usableKVBlocks = view.pointee.usableKVBlocks
        contents.blockSize = view.pointee.blockSize
        contents.lookUp = view.pointee.lookUp
        view.pointee = contents
    }

    /// An empty answer, for as many entries as there are rows.
    @inline(__always)
    var emptyDecision: PolicyDecision {
        let memory = answerBlock.unsafelyUnwrapped
        return PolicyDecision(
            capacity: count, scheduledRow: memory.assumingMemoryBound(to: Int64.self),
            scheduledTokens: (memory + 24 &* capacity).assumingMemoryBound(to: Int32.self),
            preemptedRow: (memory + 8 &* capacity).assumingMemoryBound(to: Int64.self))
    }

    /// As many places as there are rows, to sort them in.
    private var places: UnsafeMutablePointer<Int64> {
        (answerBlock.unsafelyUnwrapped + 16 &* capacity).assumingMemoryBound(to: Int64.self)
    }

    /// Asks the policy.
    /// - Parameter prefixes: where it can look up what rows that wait find in the prefix cache; nil: there is none.
    @inline(__always)
    func decide(
        now: Nanoseconds, freeBlocks: Int, prefixes: UnsafeMutablePointer<PrefixLookup>?,
        _ decision: inout PolicyDecision
    ) throws(BatchingError) {
        view.pointee.iteration = iteration
        view.pointee.time = now
        view.pointee.count = count
        view.pointee.runningCount = runningCount
        view.pointee.freeKVBlocks = freeBlocks
        view.pointee.prefixes = UnsafeMutableRawPointer(prefixes)
        try policy?(PolicyView(view), &decision)
    }

    /// Something happens that the policy has to be asked about.
    mutating func noteChange() {
        holdsUntilChange = false
        waits = 0
        waitsUntil = .zero
    }

    /// The marks are 0 again after an answer that was not valid.
    func clearMarks() { columns.mark.update(repeating: 0, count: count) }

    /// A request that never ran begins to wait, behind all others.
    /// - Parameters:
    ///   - request: its index in the requests.
    ///   - id: what the caller calls it.
    mutating func append(
        request: Int, id: Int64, arrival: Nanoseconds, prompt: Int64, output: Int64, computed: Int64,
        priority: Int32, tieBreak: Int64
    ) throws(BatchingError) {
        if start &+ count == capacity { try makeRoom() }
        let (columns, row) = (columns, count)
        columns.request[row] = id
        columns.arrivalTime[row] = arrival.seconds
        columns.computedTokens[row] = computed
        columns.kvBlocks[row] = 0
        columns.tieBreak[row] = tieBreak
        columns.promptTokens[row] = Int32(truncatingIfNeeded: prompt)
        columns.generatedTokens[row] = 0
        columns.priority[row] = priority
        columns.oracleOutputTokens[row] = Int32(truncatingIfNeeded: output)
        columns.slot[row] = ~Int32(truncatingIfNeeded: request)
        columns.catchesUp[row] = 0
        columns.mark[row] = 0
        count &+= 1
    }

    /// The row that was appended last belongs to a member.
    mutating func setMember(slot: Int, _ member: Member, computed: Int64, isRunning: Bool, catchesUp: Bool) {
        let (columns, row) = (columns, count &- 1)
        columns.computedTokens[row] = computed
        columns.kvBlocks[row] = isRunning ? Int64(truncatingIfNeeded: blockSize.holding(computed)) : 0
        columns.generatedTokens[row] = member.generated &- (isRunning && member.state == .finishing ? 1 : 0)
        columns.slot[row] = Int32(truncatingIfNeeded: slot)
        columns.catchesUp[row] = catchesUp ? 1 : 0
        if isRunning { runningCount &+= 1 }
        if catchesUp { catchingUp &+= 1 }
    }

    /// Every one of the running has computed and generated a token in each of so many iterations, and holds the blocks for
    /// them. Those for whom that is not so are set right afterwards.
    @inline(__always)
    func advance(_ iterations: Int64) {
        // Loops that the compiler makes vector instructions of.
        let (columns, running) = (columns, runningCount)
        let size = UInt64(truncatingIfNeeded: blockSize.tokens)
        if size & (size &- 1) == 0 {
            let shift = UInt64(truncatingIfNeeded: size.trailingZeroBitCount)
            for row in 0..<running {
                let computed = columns.computedTokens[row] &+ iterations
                columns.computedTokens[row] = computed
                columns.kvBlocks[row] = Int64(bitPattern: (UInt64(bitPattern: computed) &+ size &- 1) &>> shift)
            }
        } else {
            for row in 0..<running {
                let computed = columns.computedTokens[row] &+ iterations
                columns.computedTokens[row] = computed
                let room = columns.kvBlocks[row] &* blockSize.tokens
                // Nearly always those it had, or one more: a division takes as long as all the rest.
                if computed > room &+ blockSize.tokens {
                    columns.kvBlocks[row] = Int64(truncatingIfNeeded: blockSize.holding(computed))
                } else if computed > room {
                    columns.kvBlocks[row] &+= 1
                }
            }
        }
        let tokens = Int32(truncatingIfNeeded: iterations)
        for row in 0..<running { columns.generatedTokens[row] &+= tokens }
    }

    /// Those of the running that have finished leave.
    /// - Parameter slots: theirs, in order of admission.
    @inline(never)
    mutating func removeFinished(_ slots: UnsafePointer<Int32>, _ finished: Int) {
        let (columns, places) = (columns, places)
        var fewer = 0
        let (found, end) = forEachRow(of: slots, finished) { (row, found) in
            fewer &+= Int(columns.catchesUp[row])
            places[found] = Int64(row)
        }
        catchingUp &-= fewer
        columns.closeUpwards(0..<end, without: places, found)
        moveWindow(to: start &+ found)
        count &-= found
        runningCount &-= found
    }

    /// The last tokens of those of the running are on their way: they are looked at one by one until they leave.
    /// - Parameter slots: theirs, in order of admission; and of others, whose ends are not known.
    mutating func markFinishing(
        _ slots: UnsafePointer<Int32>, _ count: Int, _ members: UnsafePointer<Member>
    ) {
        let columns = columns
        var more = 0
        _ = forEachRow(of: slots, count) { (row, found) in
            if members[Int(slots[found])].state == .finishing, columns.catchesUp[row] == 0 {
                columns.catchesUp[row] = 1
                more &+= 1
            }
        }
        catchingUp &+= more
    }

    /// Calls `body` with the rows of some of the running, and which of them each is.
    /// - Parameter slots: theirs, in order of admission.
    /// - Returns: how many were found, and up to which row.
    @inline(__always)
    private func forEachRow(
        of slots: UnsafePointer<Int32>, _ count: Int, _ body: (Int, Int) -> Void
    ) -> (found: Int, end: Int) {
        var (found, row) = (0, 0)
        while found < count, row < runningCount {
            if columns.slot[row] == slots[found] {
                body(row, found)
                found &+= 1
            }
            row &+= 1
        }
        return (found, row)
    }

    /// Of the rows of an answer, those that wait have been admitted, and those preempted wait again.
    mutating func move(_ answer: PolicyAnswer, admitted: Int) throws(BatchingError) {
        if !isAtBoundary(answer, admitted: admitted) { try moveApart(answer, admitted: admitted) }
        runningCount &+= admitted &- answer.preemptedCount
    }

    /// Whether only the boundary between the running and the waiting has to move.
    private func isAtBoundary(_ answer: PolicyAnswer, admitted: Int) -> Bool {
        if admitted > 0, answer.preemptedCount > 0 { return false }
        for position in 0..<answer.preemptedCount
        where answer.preemptedRow[position] != Int64(runningCount &- 1 &- position) {
            return false
        }
        if admitted == 0 { return true }
        var next = Int64(runningCount)
        for position in 0..<answer.scheduledCount where answer.scheduledRow[position] >= Int64(runningCount) {
            if answer.scheduledRow[position] != next { return false }
            next &+= 1
        }
        return true
    }

    @inline(never)
    private mutating func moveApart(_ answer: PolicyAnswer, admitted: Int) throws(BatchingError) {
        let (columns, places, preempted) = (columns, places, answer.preemptedCount)
        let moved = admitted &+ preempted
        try reserveAside(moved)
        let aside = PolicyColumns(asideBlock.unsafelyUnwrapped, capacity: asideCapacity, first: 0)
        // They come between those that go on running and those that go on waiting: the admitted in their order, the
        // preempted as they were put before each other.
        var next = 0
        for position in 0..<answer.scheduledCount where answer.scheduledRow[position] >= Int64(runningCount) {
            aside.copy(1, from: columns, at: Int(answer.scheduledRow[position]), to: next)
            places[next] = answer.scheduledRow[position]
            next &+= 1
        }
        for position in (0..<preempted).reversed() {
            aside.copy(1, from: columns, at: Int(answer.preemptedRow[position]), to: next)
            places[next] = answer.preemptedRow[position]
            next &+= 1
        }
        Heap.sort(places, count: admitted, by: <)
        Heap.sort(places + admitted, count: preempted, by: <)
        if admitted > 0 {
            let last = Int(places[admitted &- 1])
            columns.closeUpwards(runningCount..<(last &+ 1), without: places, admitted)
        }
        if preempted > 0 { columns.closeDownwards(0..<runningCount, without: places + admitted, preempted) }
        columns.copy(moved, from: aside, at: 0, to: runningCount &- preempted)
    }

    /// The window goes back to the beginning if at least half of the memory is free, and otherwise to more memory.
    @inline(never)
    private mutating func makeRoom() throws(BatchingError) {
        if count <= capacity / 2 {
            let source = columns
            moveWindow(to: 0)
            columns.copy(count, from: source, at: 0, to: 0)
            columns.mark.update(repeating: 0, count: count)
        } else {
            try grow(to: 2 &* capacity)
        }
    }

    private mutating func grow(to rows: Int) throws(BatchingError) {
        let larger = try PolicyRows.allocate(rows, PolicyColumns.rowSize)
        let answer: UnsafeMutableRawPointer
        do throws(BatchingError) {
            answer = try PolicyRows.allocate(rows, 3 * 8 + 4)
        } catch {
            free(larger)
            throw error
        }
        if count > 0 {
            let target = PolicyColumns(larger, capacity: rows, first: 0)
            target.copy(count, from: columns, at: 0, to: 0)
            target.mark.update(repeating: 0, count: count)
        }
        free(block)
        block = larger
        capacity = rows
        moveWindow(to: 0)
        free(answerBlock)
        answerBlock = answer
    }

    private mutating func reserveAside(_ rows: Int) throws(BatchingError) {
        if rows <= asideCapacity { return }
        free(asideBlock)
        asideBlock = nil
        asideCapacity = 0
        // A multiple of 8, for the alignment of the columns.
        let needed = (max(rows, 32) &+ 7) & ~7
        asideBlock = try PolicyRows.allocate(needed, PolicyColumns.rowSize)
        asideCapacity = needed
    }

    // For an engine that runs on

    /// The row of a member, by its slot, or of a request that never ran; nil if it is not in the system.
    func row(request: Int, slot: Int) -> Int? {
        let key = slot >= 0 ? Int32(truncatingIfNeeded: slot) : ~Int32(truncatingIfNeeded: request)
        for row in 0..<count where columns.slot[row] == key { return row }
        return nil
    }

    /// A row leaves without having finished; the fewer of the others close up.
    mutating func remove(_ row: Int) {
        if row < runningCount {
            catchingUp &-= Int(columns.catchesUp[row])
            runningCount &-= 1
        }
        count &-= 1
        if row < count &- row {
            columns.copy(row, from: columns, at: 0, to: 1)
            moveWindow(to: start &+ 1)
        } else {
            columns.copy(count &- row, from: columns, at: row &+ 1, to: row)
        }
    }

    /// Becomes equal to other rows of the same configuration.
    mutating func assign(_ other: borrowing PolicyRows) throws(BatchingError) {
        if !isUsed { return }
        count = 0
        if other.count > capacity { try grow(to: other.capacity) } else { moveWindow(to: 0) }
        columns.copy(other.count, from: other.columns, at: 0, to: 0)
        count = other.count
        clearMarks()
        runningCount = other.runningCount
        taken = other.taken
        iteration = other.iteration
        catchingUp = other.catchingUp
        holdsUntilChange = other.holdsUntilChange
        waits = other.waits
        waitsUntil = other.waitsUntil
    }

    private static func allocate(_ rows: Int, _ rowSize: Int) throws(BatchingError) -> UnsafeMutableRawPointer {
        // At most four times as many rows as requests: no overflow.
        guard let memory = malloc(rows &* rowSize) else {
            throw BatchingError(.outOfMemory, "not enough memory for \(rows) requests in the system")
        }
        return memory
    }
}
