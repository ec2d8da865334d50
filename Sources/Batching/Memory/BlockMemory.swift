/// The KV blocks of a replica. The engine is compiled once for each kind: one that only counts, and one that knows what
/// is in each block.
///
/// A member's blocks hold its computed tokens and those of the chunk that it is scheduled: `computed` below. Members
/// that decode are known as a group, in which each takes one token in every iteration: so which member needs a new block is a
/// matter of phase, the position modulo the block size, and not of looking at each.
protocol BlockMemory: ~Copyable {
    /// Whether there is a prefix cache.
    static var findsPrefixes: Bool { get }
    /// Whether blocks can run out.
    var isLimited: Bool { get }
    var blockSize: BlockSize { get }
    var free: Int { get }
    /// Blocks that can be used in all.
    var usable: Int { get }

    /// Blocks that those that decode need in this iteration.
    var neededByDecodes: Int { get }
    /// Gives those that decode their blocks, up to a place in the order of admission; `.max`, the last call of an
    /// iteration: all that are left. As many as they need are free.
    mutating func growDecodes(_ members: UnsafePointer<Member>, admittedBefore bound: Int64)
    /// Each of those that decode has its token: the next iteration.
    mutating func advance()
    /// Both, for the next iterations, as long as there are blocks and the clock goes on, while no request joins or leaves.
    /// - Returns: the sum over them of their durations x the blocks that are free.
    mutating func coast(_ members: UnsafePointer<Member>, _ clock: inout some CoastingClock) -> UInt128
    /// Both, for as many of the next iterations as there are blocks for, at most `limit`, while no request joins or leaves.
    /// - Returns: how many, and the sum over them of the blocks in use.
    mutating func coast(
        _ members: UnsafePointer<Member>, iterations limit: Int64
    ) -> (iterations: Int64, usedBlocks: UInt128)
    /// A member is among those that decode, from this iteration on.
    mutating func join(_ slot: Int, _ members: UnsafePointer<Member>, computed: Int64)
    /// A member no longer is.
    mutating func leave(_ slot: Int, computed: Int64)

    /// Blocks that a member needs beyond those it has.
    func needed(from computed: Int64, to grown: Int64) -> Int
    /// Gives them to it: `blocks` is what `needed` says.
    mutating func grow(
        _ slot: Int, _ member: Member, by blocks: Int, from computed: Int64, to grown: Int64
    ) throws(BatchingError)

    /// What the first of the waiting finds in the cache. It is watched until it is admitted, or another is looked up.
    mutating func lookUp(_ candidate: Candidate, tokens: Int64) throws(BatchingError) -> PrefixHit
    /// Gives a new member the blocks found for it, and others, to hold `grown` tokens.
    mutating func admit(_ slot: Int, _ member: Member, _ hit: PrefixHit, to grown: Int64) throws(BatchingError)
    /// What was known of the member's tokens only now: those up to `computed` can be found in the cache.
    mutating func settle(_ slot: Int, _ member: Member, computed: Int64)
    /// A decision is made because there seem to be too few blocks.
    mutating func noteShortage()
    /// Whether there seemed to be too few blocks where more are counted than there may be.
    var wasShort: Bool { get }
    /// Takes back the blocks of a member.
    mutating func release(_ slot: Int, _ member: Member, computed: Int64, isPreempted: Bool)

    /// Makes room for this many slots.
    mutating func reserve(slots: Int) throws(BatchingError)

    // Asynchronously, with a custom policy, which may wait: only where prefixes are found

    /// An iteration is scheduled. Unless a batch is on its way, the newest tokens are known.
    mutating func noteNewest(areKnown: Bool)
    /// The last batch is there, and no other on its way: what those that decode have completed can be found.
    mutating func settleDecodes(_ members: UnsafePointer<Member>)

    // For an answer of a custom policy, which is checked before anything of it is done: only where prefixes are found

    /// What a request that waits finds now. Nothing is watched.
    mutating func found(_ candidate: Candidate, tokens: Int64, at time: Nanoseconds) -> PrefixHit
    /// Counts a request among the users of the blocks that it finds, by 1, or undoes that, by -1.
    /// - Returns: how many of them have one user then: they were free.
    mutating func countUser(_ candidate: Candidate, tokens: Int64, by difference: Int32) -> Int
    /// Counts a member among the users of its blocks no longer, by -1, or undoes that, by 1.
    /// - Returns: how many of them have none then: they are free.
    mutating func countUser(_ slot: Int, by difference: Int32) -> Int
    /// So many blocks that a request finds stay, whatever is taken before it is admitted.
    mutating func hold(_ candidate: Candidate, tokens: Int64, blocks: Int)
    /// It has been admitted, with those blocks first.
    mutating func letGo(_ slot: Int, blocks: Int)

    // Where KV blocks go to tiers, and come from there: only where prefixes are found

    /// Whether there are tiers.
    var offloads: Bool { get }
    /// How many blocks of a request that waits can be loaded, behind those that it has found.
    func loadable(_ candidate: Candidate, tokens: Int64, behind hit: PrefixHit, at time: Nanoseconds) -> Int
    /// An iteration has been scheduled, which begins at `start`: what it loads is known, and what became full is written.
    mutating func settleOffload(at time: Nanoseconds, start: Nanoseconds) throws(BatchingError)
    /// What became full is written.
    mutating func writeFull(at time: Nanoseconds) throws(BatchingError)
    /// How long the loads of that iteration take, and whether it computes only after them.
    var load: Nanoseconds { get }
    var loadsBlock: Bool { get }
    var offloadTotals: KVOffloadTotals { get }
    /// Blocks in the tiers.
    var tierBlocks: (host: Int, disk: Int) { get }

    // For a replica to which the KV of prompts comes from others

    /// Gives a slot the blocks of a prompt that is to come: those found in the cache, and others. Nothing is published.
    /// - Returns: how many were found; nil, and nothing is changed, if too few are free.
    mutating func hold(_ slot: Int, _ prompt: HeldPrompt) throws(BatchingError) -> Int?
    /// How many full blocks at the start of a prompt are in the cache.
    mutating func leading(_ prompt: HeldPrompt) -> Int
    /// From now on it is noted which content comes into the cache, and which leaves it.
    mutating func noteChanges() throws(BatchingError)
    var notesChanges: Bool { get }
    /// What has changed since this was last called is seen from `end` on.
    mutating func stampChanges(_ end: Nanoseconds)

    // For an engine that runs on

    /// The columns have moved. What is in `requests` is known from here on if it was not before.
    mutating func replace(_ requests: RequestColumns)
    /// A request that waits will not be admitted.
    mutating func forget(_ request: Int)
    /// A member will have another number of tokens in the end. False, and nothing is changed, if that takes more blocks
    /// than are free.
    mutating func resize(_ slot: Int, _ member: Member, to longest: Int64) throws(BatchingError) -> Bool
    /// Becomes equal to another memory of the same configuration, as far as that has slots, but for what is cached.
    mutating func assign(_ other: borrowing Self, slots: Int) throws(BatchingError)
}

extension BlockMemory where Self: ~Copyable {
    // Where no prefixes are found, nothing is published, and blocks need not be looked at to be counted.
    func noteNewest(areKnown: Bool) {}
    func settleDecodes(_ members: UnsafePointer<Member>) {}
    func found(_ candidate: Candidate, tokens: Int64, at time: Nanoseconds) -> PrefixHit { PrefixHit() }
    func countUser(_ candidate: Candidate, tokens: Int64, by difference: Int32) -> Int { 0 }
    func countUser(_ slot: Int, by difference: Int32) -> Int { 0 }
    func hold(_ candidate: Candidate, tokens: Int64, blocks: Int) {}
    func letGo(_ slot: Int, blocks: Int) {}
    var offloads: Bool {
        @inline(__always) get { false }
    }
    @inline(__always)
    func loadable(_ candidate: Candidate, tokens: Int64, behind hit: PrefixHit, at time: Nanoseconds) -> Int { 0 }
    func settleOffload(at time: Nanoseconds, start: Nanoseconds) {}
    func writeFull(at time: Nanoseconds) {}
    var load: Nanoseconds {
        @inline(__always) get { .zero }
    }
    var loadsBlock: Bool {
        @inline(__always) get { false }
    }
    var offloadTotals: KVOffloadTotals { KVOffloadTotals() }
    var tierBlocks: (host: Int, disk: Int) { (0, 0) }
    func leading(_ prompt: HeldPrompt) -> Int { 0 }
    func noteChanges() {}
    var notesChanges: Bool {
        @inline(__always) get { false }
    }
    func stampChanges(_ end: Nanoseconds) {}

    @inline(__always)
    mutating func coast(_ members: UnsafePointer<Member>, _ clock: inout some CoastingClock) -> UInt128 {
        var freeTime: UInt128 = 0
        while clock.goesOn, neededByDecodes <= free, let duration = clock.next() {
            growDecodes(members, admittedBefore: .max)
            freeTime &+= duration.times(free)
            advance()
        }
        return freeTime
    }

    @inline(__always)
    mutating func coast(
        _ members: UnsafePointer<Member>, iterations limit: Int64
    ) -> (iterations: Int64, usedBlocks: UInt128) {
        coastOneByOne(members, iterations: limit)
    }

    /// The same, one iteration after the other.
    @inline(__always)
    mutating func coastOneByOne(
        _ members: UnsafePointer<Member>, iterations limit: Int64
    ) -> (iterations: Int64, usedBlocks: UInt128) {
        var clock = CountingClock(limit: limit)
        let freeSum = coast(members, &clock)
        return (clock.count, Nanoseconds(clock.count).times(usable) &- freeSum)
    }
}

/// How long the next iterations take, in which the same requests decode and nothing else happens.
protocol CoastingClock {
    /// Whether there may be another one.
    var goesOn: Bool { get }
    /// Runs the next one. nil: it is left to what runs iterations in full.
    mutating func next() -> Nanoseconds?
}

/// Each iteration counts one.
private struct CountingClock: CoastingClock {
    let limit: Int64
    var count: Int64 = 0

    var goesOn: Bool {
        @inline(__always) get { count < limit }
    }

    @inline(__always)
    mutating func next() -> Nanoseconds? {
        count &+= 1
        return Nanoseconds(1)
    }
}

/// A request that would be admitted next.
struct Candidate {
    var request: Int
    /// Its slot if it was preempted; otherwise -1.
    var slot: Int
}

/// What a request finds in the prefix cache.
struct PrefixHit {
    var blocks = 0
    /// Those of them that no member uses: they count as free until the request is admitted.
    var idle = 0
    /// Blocks behind them that are loaded from tiers, as they can be read at this time.
    var loaded = 0
    var time = Nanoseconds.zero

    /// All that need not be computed.
    var all: Int {
        @inline(__always) get { blocks &+ loaded }
    }
}
