/// Paths of blocks that workers have, as a tree: prompts of requests in flight, and what was routed to a worker for a time. The
/// workers go in groups of 64, each with a tree of its own.
///
/// A node is a run of up to 16 blocks that the same workers have, with a bit for each. A path ends with a node; what ends or
/// parts within one splits it. Of a node at a worker are counted the next nodes and the paths that end with it. Most have one,
/// which takes no memory but the bit; `SharedUses` has the others. So a path comes and goes in as many steps as it has
/// nodes of its own.
///
/// - Complexity: O(1) for each block, whatever the ids: see `HashKey`.
struct PromptPaths: ~Copyable {
    private(set) var nodes: GrowableBuffer<Node>
    /// Of the blocks, `most` of each node.
    private var ids: GrowableBuffer<UInt64>
    private var index: IdIndex
    var shared: SharedUses
    /// Numbers are below it.
    private var count: Int
    private var firstFree: Int32
    private var used: Int

    /// Why a worker has a path: there is a request in flight, or it was routed there.
    enum Layer: Int64 {
        case active = 0
        case held = 1
    }

    struct Node: BitwiseCopyable {
        /// Of workers; -1: it is free.
        var group: Int32
        /// The node before it; -1: none. Of one that is free, the next.
        var before: Int32
        /// One that came after it; it may be another by now.
        var after: Int32
        /// Its blocks.
        var count: Int32
        /// Bits of the workers that have it …
        var active: UInt64
        var held: UInt64
        /// … and of those that have a record of it in `SharedUses`.
        var activeShared: UInt64
        var heldShared: UInt64
    }

    struct Key: IndexKey {
        let id: UInt64
        let before: Int32
        let group: Int32

        @inline(__always)
        var words: (UInt64, UInt64) {
            (id, UInt64(UInt32(bitPattern: before &+ 1)) << 32 | UInt64(UInt32(bitPattern: group)))
        }
    }

    /// Blocks of a node.
    static var most: Int { 16 }

    init() throws(BatchingError) {
        let nodes = try GrowableBuffer<Node>(capacity: 0)
        let ids = try GrowableBuffer<UInt64>(capacity: 0)
        let shared = try SharedUses()
        index = try IdIndex(count: 0)
        self.nodes = nodes
        self.ids = ids
        self.shared = shared
        (count, firstFree, used) = (0, -1, 0)
    }

    init(copying other: borrowing PromptPaths, _ copy: inout DeepCopy) {
        nodes = GrowableBuffer(copying: other.nodes, count: other.count, &copy)
        ids = GrowableBuffer(copying: other.ids, count: other.count &* Self.most, &copy)
        index = IdIndex(copying: other.index, &copy)
        shared = SharedUses(copying: other.shared, &copy)
        (count, firstFree, used) = (other.count, other.firstFree, other.used)
    }

    /// Makes room for a path.
    mutating func reserve(blocks: Int) throws(BatchingError) {
        // One is cut short, one is split.
        let needed = used &+ blocks / Self.most &+ 2
        guard needed < 1 << 30 else {
            throw BatchingError(.overflow, "there would be more than 2^30 pieces of prompts")
        }
        try nodes.reserve(needed)
        try ids.reserve(needed &* Self.most)
        let (nodes, ids) = (nodes.elements, ids.elements)
        try index.reserve(needed) { Self.key($0, nodes, ids) }
        // One for each layer, and what a node that is split weighs at each worker.
        try shared.reserve(2 &+ UInt64.bitWidth)
    }

    @inline(__always)
    private static func key(
        _ number: Int, _ nodes: UnsafeMutablePointer<Node>, _ ids: UnsafeMutablePointer<UInt64>
    ) -> Key {
        Key(id: ids[number &* most], before: nodes[number].before, group: nodes[number].group)
    }

    /// The number of the node after another (-1: none) that begins with a block; -1 if there is none.
    @inline(__always)
    private func find(_ id: UInt64, _ group: Int32, after previous: Int32) -> Int32 {
        let (nodes, ids) = (nodes.elements, ids.elements)
        if previous >= 0 {
            // Most often it is the one that followed last time, and no search is needed.
            let guess = Int(nodes[Int(previous)].after)
            if guess >= 0, nodes[guess].before == previous, nodes[guess].group == group, ids[guess &* Self.most] == id {
                return Int32(truncatingIfNeeded: guess)
            }
        }
        let key = Key(id: id, before: previous, group: group)
        return Int32(truncatingIfNeeded: index.number(of: key) { Self.key($0, nodes, ids) })
    }

    /// How many blocks of a node are the first of others, of which there is at least one.
    @inline(__always)
    private func matched(_ number: Int32, _ others: UnsafePointer<UInt64>, count: Int) -> Int {
        let own = ids.elements + Int(number) &* Self.most
        let most = min(count, Int(nodes.elements[Int(number)].count))
        var place = 1
        while place < most, own[place] == others[place] { place &+= 1 }
        return place
    }

    /// Adds a node; there is room.
    private mutating func add(_ node: Node, _ blocks: UnsafePointer<UInt64>) -> Int32 {
        let (nodes, ids) = (nodes.elements, ids.elements)
        var number = firstFree
        if number < 0 {
            number = Int32(truncatingIfNeeded: count)
            count &+= 1
        } else {
            firstFree = nodes[Int(number)].before
        }
        nodes[Int(number)] = node
        (ids + Int(number) &* Self.most).update(from: blocks, count: Int(node.count))
        if node.before >= 0 { nodes[Int(node.before)].after = number }
        insert(number)
        used &+= 1
        return number
    }

    private mutating func insert(_ number: Int32) {
        let (nodes, ids) = (nodes.elements, ids.elements)
        index.insert(Int(number), count: count, isUsed: { nodes[$0].group >= 0 }, { Self.key($0, nodes, ids) })
    }

    private mutating func takeOut(_ number: Int32) {
        let (nodes, ids) = (nodes.elements, ids.elements)
        let leaving = Int(number)
        index.remove(
            leaving, count: count, isUsed: { nodes[$0].group >= 0 && $0 != leaving }, { Self.key($0, nodes, ids) })
    }

    /// Forgets a node that no worker has.
    @inline(__always)
    mutating func dropIfUnused(_ number: Int32) {
        let node = nodes.elements + Int(number)
        if node.pointee.active | node.pointee.held != 0 { return }
        takeOut(number)
        node.pointee.group = -1
        node.pointee.before = firstFree
        firstFree = number
        used &-= 1
    }

    /// Cuts the first blocks of a node off: they are a node of their own from then on, before it.
    /// - Returns: its number.
    private mutating func split(_ number: Int32, at place: Int) -> Int32 {
        takeOut(number)
        let node = nodes.elements + Int(number)
        let blocks = ids.elements + Int(number) &* Self.most
        var first = node.pointee
        (first.activeShared, first.heldShared) = (0, 0)
        (first.count, first.after) = (Int32(truncatingIfNeeded: place), number)
        let upper = add(first, blocks)
        node.pointee.before = upper
        node.pointee.count &-= Int32(truncatingIfNeeded: place)
        blocks.update(from: blocks + place, count: Int(node.pointee.count))
        insert(number)
        copyWeights(from: number, to: upper)
        return upper
    }
}

// Paths come.
extension PromptPaths {
    /// Adds a path of a worker; there is room.
    /// - Parameters:
    ///   - count: blocks; at least 1.
    ///   - active: how many of its first blocks are active at the worker; -1: it is not added to this layer.
    ///   - held: the same.
    /// - Returns: its last node.
    mutating func add(
        _ path: UnsafePointer<UInt64>, count: Int, worker: Int, active: Int, held: Int
    ) -> Int32 {
        let group = Int32(truncatingIfNeeded: worker &>> 6)
        let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: worker & 63)
        var last: Int32 = -1
        var place = 0
        while place < count {
            var number = find(path[place], group, after: last)
            if number < 0 { break }
            let matched = matched(number, path + place, count: count &- place)
            if matched < Int(nodes.elements[Int(number)].count) { number = split(number, at: matched) }
            if last >= 0 { nodes.elements[Int(last)].after = number }
            place &+= matched
            if active >= place {
                if active == place { share(number, .active, worker) }
            } else if active >= 0 {
                nodes.elements[Int(number)].active = nodes.elements[Int(number)].active | bit
            }
            if held >= place {
                if held == place { share(number, .held, worker) }
            } else if held >= 0 {
                nodes.elements[Int(number)].held = nodes.elements[Int(number)].held | bit
            }
            last = number
        }
        while place < count {
            let node = Node(
                group: group, before: last, after: -1, count: Int32(truncatingIfNeeded: min(Self.most, count &- place)),
                active: active >= 0 ? bit : 0, held: held >= 0 ? bit : 0, activeShared: 0, heldShared: 0)
            last = add(node, path + place)
            place &+= Int(node.count)
        }
        return last
    }

    /// Looks up how many of the first blocks of a prompt each worker of a group has.
    /// - Parameters:
    ///   - active: of the first `workers` of the group; written. nil: not asked for.
    ///   - held: the same.
    func look(
        _ path: UnsafePointer<UInt64>, count: Int, group: Int, workers: Int,
        active: UnsafeMutablePointer<Int32>?, held: UnsafeMutablePointer<Int32>?
    ) {
        active?.update(repeating: 0, count: workers)
        held?.update(repeating: 0, count: workers)
        // Those that have all up to here.
        var (liveActive, liveHeld): (UInt64, UInt64) = (active == nil ? 0 : ~0, held == nil ? 0 : ~0)
        var last: Int32 = -1
        var place = 0
        while place < count {
            let number = find(path[place], Int32(truncatingIfNeeded: group), after: last)
            if number < 0 { break }
            let node = nodes.elements[Int(number)]
            if place > 0 {
                if let active, liveActive & ~node.active != 0 { active.note(place, liveActive & ~node.active) }
                if let held, liveHeld & ~node.held != 0 { held.note(place, liveHeld & ~node.held) }
            }
            liveActive &= node.active
            liveHeld &= node.held
            if liveActive | liveHeld == 0 { return }
            let matched = matched(number, path + place, count: count &- place)
            place &+= matched
            if matched < Int(node.count) { break }
            last = number
        }
        if place == 0 { return }
        active?.note(place, liveActive)
        held?.note(place, liveHeld)
    }
}
