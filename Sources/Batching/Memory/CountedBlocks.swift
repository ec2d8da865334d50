/// KV blocks that are only counted: without a prefix cache nothing depends on which block is whose.
struct CountedBlocks: BlockMemory, ~Copyable {
    static var findsPrefixes: Bool { false }

    let isLimited: Bool
    let blockSize: BlockSize
    let usable: Int
    /// Whether a member has all the blocks it may ever need from the start.
    private let isReserved: Bool
    /// For how many a member counts in its phase: for none if it needs no more blocks.
    private let countInPhase: Int32
    private(set) var free: Int
    /// How many of those that decode are in each phase. One in phase `current` has only full blocks.
    private let phases: ScratchBuffer<Int32>
    private var current = 0
    /// Whether more blocks are counted than there may be, so that nothing can be decided once they seem too few; and
    /// whether that has happened.
    private var countsTooMany = false
    private(set) var wasShort = false

    /// - Parameters:
    ///   - usable: nil: there is no limit, and more than all requests could ever take can be used.
    ///   - isReserved: whether `grown` on admission is all that a member will ever need.
    init(usable: Int?, blockSize: Int64, isReserved: Bool) throws(BatchingError) {
        phases = try ScratchBuffer(count: Int(blockSize), repeating: 0)
        isLimited = usable != nil
        self.usable = usable ?? .max
        free = usable ?? .max
        self.blockSize = BlockSize(blockSize)
        self.isReserved = isReserved
        countInPhase = isReserved ? 0 : 1
    }

    @inline(__always)
    var neededByDecodes: Int { Int(phases.elements[current]) }

    @inline(__always)
    mutating func growDecodes(_ members: UnsafePointer<Member>, admittedBefore bound: Int64) {
        if bound == .max { free &-= neededByDecodes }
    }

    @inline(__always)
    mutating func advance() {
        current = current == 0 ? Int(truncatingIfNeeded: blockSize.tokens) &- 1 : current &- 1
    }

    @inline(__always)
    mutating func coast(_ members: UnsafePointer<Member>, _ clock: inout some CoastingClock) -> UInt128 {
        // What changes in each iteration is kept in registers.
        let phases = phases.elements
        let last = Int(truncatingIfNeeded: blockSize.tokens) &- 1
        var (left, phase) = (free, current)
        var freeTime: UInt128 = 0
        while clock.goesOn {
            let rest = left &- Int(phases[phase])
            guard rest >= 0, let duration = clock.next() else { break }
            left = rest
            freeTime &+= duration.times(left)
            phase = phase == 0 ? last : phase &- 1
        }
        (free, current) = (left, phase)
        return freeTime
    }

    /// In as many iterations as a block has tokens each of those that decode needs one block: so whole periods of them are
    /// one multiplication.
    mutating func coast(
        _ members: UnsafePointer<Member>, iterations limit: Int64
    ) -> (iterations: Int64, usedBlocks: UInt128) {
        let used = UInt128(truncatingIfNeeded: usable &- free)
        // A block has at most 65,536 tokens, and fewer than 2^31 are in all phases: 64 bits hold the sum.
        var (grown, grownSum) = (0, 0)
        var periods: Int64 = 0
        if limit >= blockSize.tokens {
            var phase = current
            for _ in 0..<blockSize.tokens {
                grown &+= Int(phases.elements[phase])
                grownSum &+= grown
                phase = phase == 0 ? Int(truncatingIfNeeded: blockSize.tokens) &- 1 : phase &- 1
            }
            periods = Int64(blockSize.full(limit))
            if grown > 0 { periods = min(periods, Int64(free / grown)) }
            free &-= grown &* Int(truncatingIfNeeded: periods)
        }
        let (count, length) = (UInt128(truncatingIfNeeded: periods), UInt128(truncatingIfNeeded: blockSize.tokens))
        // Each period has `grown` more than the one before it, in each of its iterations.
        let earlier = count &* (count &- min(count, 1)) / 2 &* UInt128(truncatingIfNeeded: grown)
        let rest = coastOneByOne(members, iterations: limit &- periods &* blockSize.tokens)
        return (
            periods &* blockSize.tokens &+ rest.iterations,
            count &* (length &* used &+ UInt128(truncatingIfNeeded: grownSum)) &+ length &* earlier &+ rest.usedBlocks
        )
    }

    /// The phase of a member with this many tokens.
    @inline(__always)
    private func phase(_ computed: Int64) -> Int {
        let phase = blockSize.rest(computed) &+ current
        let size = Int(truncatingIfNeeded: blockSize.tokens)
        return phase >= size ? phase &- size : phase
    }

    @inline(__always)
    mutating func join(_ slot: Int, _ members: UnsafePointer<Member>, computed: Int64) {
        let phase = phases.elements + phase(computed)
        phase.pointee &+= countInPhase
    }

    @inline(__always)
    mutating func leave(_ slot: Int, computed: Int64) {
        let phase = phases.elements + phase(computed)
        phase.pointee &-= countInPhase
    }

    @inline(__always)
    func needed(from computed: Int64, to grown: Int64) -> Int {
        isReserved ? 0 : blockSize.holding(grown) &- blockSize.holding(computed)
    }

    @inline(__always)
    mutating func grow(_ slot: Int, _ member: Member, by blocks: Int, from computed: Int64, to grown: Int64) {
        free &-= blocks
    }

    @inline(__always)
    func lookUp(_ candidate: Candidate, tokens: Int64) -> PrefixHit { PrefixHit() }

    @inline(__always)
    mutating func admit(_ slot: Int, _ member: Member, _ hit: PrefixHit, to grown: Int64) {
        free &-= blockSize.holding(grown)
    }

    mutating func hold(_ slot: Int, _ prompt: HeldPrompt) -> Int? {
        let blocks = blockSize.holding(prompt.tokens)
        if blocks > free { return nil }
        free &-= blocks
        return 0
    }

    @inline(__always)
    func settle(_ slot: Int, _ member: Member, computed: Int64) {}

    @inline(__always)
    mutating func noteShortage() { wasShort = countsTooMany }

    @inline(__always)
    mutating func release(_ slot: Int, _ member: Member, computed: Int64, isPreempted: Bool) {
        free &+= blockSize.holding(isReserved ? member.longest : computed)
    }

    @inline(__always)
    func reserve(slots: Int) {}

    func replace(_ requests: RequestColumns) {}

    func forget(_ request: Int) {}

    mutating func resize(_ slot: Int, _ member: Member, to longest: Int64) -> Bool {
        guard isReserved else { return true }
        let more = blockSize.holding(longest) &- blockSize.holding(member.longest)
        if more > free { return false }
        free &-= more
        return true
    }

    mutating func assign(_ other: borrowing CountedBlocks, slots: Int) {
        free = other.free
        current = other.current
        phases.elements.update(from: other.phases.elements, count: Int(blockSize.tokens))
    }

    // An estimate

    mutating func copyCache(_ other: borrowing CountedBlocks) {}

    mutating func lendCache(to other: inout CountedBlocks) {}

    mutating func takeCacheBack(from other: inout CountedBlocks) {}

    func held(slots: Int) -> Int { usable &- free }

    func decoding(withRest rest: Int) -> Int32 { phases.elements[phase(Int64(rest))] }

    /// Has as many blocks in use as another memory of the same configuration if it counts those that several members
    /// hold for each of them. So from here on no more are free than there really are.
    mutating func count<Memory: SavedMemory & ~Copyable>(_ other: borrowing Memory, slots: Int) {
        free = usable &- other.held(slots: slots)
        current = 0
        for rest in 0..<Int(truncatingIfNeeded: blockSize.tokens) {
            phases.elements[rest] = other.decoding(withRest: rest)
        }
        countsTooMany = true
        wasShort = false
    }
}

extension CountedBlocks {
    func write(to writer: inout ByteWriter, members: Int, slot: (Int) -> Int) {}

    mutating func read(
        _ reader: inout ByteReader, _ members: UnsafePointer<Member>, running: Int, held: UnsafePointer<Int64>
    ) throws(BatchingError) {
        for slot in 0..<running {
            let blocks = blockSize.holding(isReserved ? members[slot].longest : held[slot])
            guard blocks <= free else { throw .corrupt("there are not as many KV blocks") }
            free -= blocks
        }
    }
}
