/// A node of a radix tree: a piece of a prompt after those of its parents.
struct RadixNode: BitwiseCopyable {
    /// Its first element.
    var first: UInt64
    /// -1: it is the root; -2: it is free.
    var parent: Int32
    /// The newest; -1: none.
    var firstChild: Int32
    /// The next older; -1: none. Of one that is free: the next that is.
    var nextSibling: Int32
    var previousSibling: Int32
    /// Where its elements are, and how many.
    var offset: Int
    var count: Int32
    var shift: UInt8
    /// The worker that is remembered for it.
    var worker: Int32
    var tenants = TenantList()

    @inline(__always)
    var isUsed: Bool { parent != -2 }
}

/// How far a prompt is in a radix tree.
struct RadixWalk {
    /// The last node of which something is the same; 0, the root: none.
    var node = 0
    /// How much of that node.
    var within = 0
    /// Of the whole prompt.
    var matched = 0
}

/// Which prompts were sent to which workers. A node keeps each worker that it was sent to, its parents do too; a node
/// without is removed.
///
/// Memory: about 64 bytes a node and 16 bytes a node and worker, 1 to 8 bytes an element (see `RadixText`), each at most
/// doubled, twice where much was removed.
struct RadixTree: ~Copyable {
    let workers: Int
    private(set) var nodes: GrowableBuffer<RadixNode>
    private(set) var slots: Int
    private var firstFree: Int32
    private var used: Int
    private var edges: RadixEdges
    private var text: RadixText
    private var lists: TenantLists
    /// Elements that each worker has.
    let sizes: ScratchBuffer<Int64>
    /// Nodes that each worker has.
    let held: ScratchBuffer<Int64>

    init(workers: Int) throws(BatchingError) {
        let sizes = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let held = try ScratchBuffer<Int64>(count: workers, repeating: 0)
        let nodes = try GrowableBuffer<RadixNode>(capacity: 64)
        let edges = try RadixEdges()
        let text = try RadixText()
        lists = try TenantLists()
        nodes.elements[0] = RadixNode(
            first: 0, parent: -1, firstChild: -1, nextSibling: -1, previousSibling: -1, offset: 0, count: 0, shift: 0,
            worker: -1)
        self.workers = workers
        self.sizes = sizes
        self.held = held
        self.nodes = nodes
        self.edges = edges
        self.text = text
        (slots, firstFree, used) = (1, -1, 1)
    }

    init(copying other: borrowing RadixTree, _ copy: inout DeepCopy) {
        (workers, slots, firstFree, used) = (other.workers, other.slots, other.firstFree, other.used)
        nodes = GrowableBuffer(copying: other.nodes, count: other.slots, &copy)
        edges = RadixEdges(copying: other.edges, &copy)
        text = RadixText(copying: other.text, &copy)
        lists = TenantLists(copying: other.lists, &copy)
        sizes = ScratchBuffer(copying: other.sizes, &copy)
        held = ScratchBuffer(copying: other.held, &copy)
    }

    /// Walks down as long as elements are the same.
    func walk(_ elements: RadixElements, from start: Int = 0) -> RadixWalk {
        var walk = RadixWalk(node: start, within: Int(nodes.elements[start].count))
        while walk.matched < elements.count {
            let child = child(of: walk.node, elements[walk.matched])
            if child < 0 { break }
            walk = step(walk, to: child, elements)
            if walk.within < Int(nodes.elements[child].count) { break }
        }
        return walk
    }

    @inline(__always)
    func child(of node: Int, _ element: UInt64) -> Int {
        edges.child(of: Int32(truncatingIfNeeded: node), element, nodes.elements)
    }

    /// The walk goes on to a child that has the next element.
    @inline(__always)
    func step(_ walk: RadixWalk, to child: Int, _ elements: RadixElements) -> RadixWalk {
        let node = nodes.elements[child]
        let rest = elements.dropFirst(walk.matched, most: Int(node.count))
        let same = text.common(node.offset, node.shift, rest)
        return RadixWalk(node: child, within: same, matched: walk.matched &+ same)
    }

    /// The workers of a node, in order.
    @inline(__always)
    func tenants(_ node: Int) -> UnsafeMutableBufferPointer<Tenant> {
        let list = nodes.elements[node].tenants
        return UnsafeMutableBufferPointer(start: lists.tenants(list), count: Int(list.count))
    }

    @inline(__always)
    func tenant(_ worker: Int32, of node: Int) -> UnsafeMutablePointer<Tenant>? {
        lists.tenant(worker, nodes.elements[node].tenants)
    }

    /// The worker that is remembered for a node.
    func remembered(_ node: Int) -> Int32 { nodes.elements[node].worker }

    func remember(_ worker: Int32, for node: Int) {
        let nodes = nodes.elements
        nodes[node].worker = worker
    }
}

// Additions.
extension RadixTree {
    /// Makes room for a prompt, and for one element after it.
    /// - Parameters:
    ///   - walk: where it is now.
    ///   - matched: how much of it is sure to be there when it is added.
    mutating func reserve(_ walk: RadixWalk, _ elements: RadixElements, matched: Int) throws(BatchingError) {
        guard slots < Int(Int32.max) - 8 else {
            throw BatchingError(.overflow, "there would be more than 2^31 pieces of prompts")
        }
        try nodes.reserve(slots &+ 3)
        try edges.reserve(used &+ 3, nodes.elements)
        let rest = elements.dropFirst(matched)
        try text.reserve(rest.count &<< Int(rest.shift) &+ 8, nodes.elements, slots: slots)
        var more = lists.roomForCopy(nodes.elements[walk.node].tenants) &+ 4
        var node = Int32(truncatingIfNeeded: walk.node)
        while node > 0 {
            more &+= lists.room(nodes.elements[Int(node)].tenants)
            node = nodes.elements[Int(node)].parent
        }
        try lists.reserve(more)
    }

    /// A prompt has been sent to a worker; there is room.
    /// - Returns: its last node.
    @discardableResult
    mutating func insert(
        _ walk: RadixWalk, _ elements: RadixElements, worker: Int32, stamp: Int64
    ) -> Int {
        var node = walk.node
        if walk.within < Int(nodes.elements[node].count) { node = split(node, at: walk.within) }
        if walk.matched < elements.count {
            node = addLeaf(to: node, elements.dropFirst(walk.matched), worker: worker)
        }
        if node > 0 {
            add(worker, to: node)
            tenant(worker, of: node)?.pointee.stamp = stamp
        }
        return node
    }

    /// A worker has a node, and all above it.
    private mutating func add(_ worker: Int32, to last: Int) {
        let nodes = nodes.elements
        var (node, children) = (last, Int32(0))
        while node > 0 {
            if let tenant = tenant(worker, of: node) {
                tenant.pointee.children &+= children
                return
            }
            var list = nodes[node].tenants
            lists.add(Tenant(worker: worker, children: children, stamp: 0), to: &list)
            nodes[node].tenants = list
            sizes.elements.add(Int64(nodes[node].count), at: Int(worker))
            held.elements.add(1, at: Int(worker))
            children = 1
            node = Int(nodes[node].parent)
        }
    }

    private mutating func newNode() -> Int {
        used &+= 1
        if firstFree < 0 {
            slots &+= 1
            return slots &- 1
        }
        let node = Int(firstFree)
        firstFree = nodes.elements[node].nextSibling
        return node
    }

    private mutating func addLeaf(to parent: Int, _ elements: RadixElements, worker: Int32) -> Int {
        let node = newNode()
        let number = Int32(truncatingIfNeeded: node)
        let nodes = nodes.elements
        let shift = elements.shift
        let older = nodes[parent].firstChild
        nodes[node] = RadixNode(
            first: elements[0], parent: Int32(truncatingIfNeeded: parent), firstChild: -1, nextSibling: older,
            previousSibling: -1, offset: text.append(elements, shift),
            count: Int32(truncatingIfNeeded: elements.count), shift: shift, worker: worker)
        if older >= 0 { nodes[Int(older)].previousSibling = number }
        nodes[parent].firstChild = number
        edges.insert(node, slots: slots, nodes)
        return node
    }

    /// Parts a node in two.
    /// - Returns: the upper, which is new; it has the workers that the other has.
    private mutating func split(_ lower: Int, at place: Int) -> Int {
        let upper = newNode()
        let (lowerNumber, upperNumber) = (Int32(truncatingIfNeeded: lower), Int32(truncatingIfNeeded: upper))
        let nodes = nodes.elements
        var node = nodes[lower]
        node.count = Int32(truncatingIfNeeded: place)
        node.firstChild = lowerNumber
        node.tenants = lists.copy(node.tenants)
        nodes[upper] = node
        edges.replace(lower, by: upper, nodes)
        if node.previousSibling >= 0 {
            nodes[Int(node.previousSibling)].nextSibling = upperNumber
        } else {
            nodes[Int(node.parent)].firstChild = upperNumber
        }
        if node.nextSibling >= 0 { nodes[Int(node.nextSibling)].previousSibling = upperNumber }
        nodes[lower].parent = upperNumber
        (nodes[lower].previousSibling, nodes[lower].nextSibling) = (-1, -1)
        nodes[lower].offset &+= place &<< Int(node.shift)
        nodes[lower].count &-= node.count
        nodes[lower].first = text[nodes[lower].offset, node.shift]
        edges.insert(lower, slots: slots, nodes)
        for tenant in tenants(upper) {
            held.elements.add(1, at: Int(tenant.worker))
        }
        return upper
    }
}

// Removals.
extension RadixTree {
    /// A worker has nothing any more.
    /// - Complexity: O(nodes).
    mutating func remove(_ worker: Int32) {
        if held.elements[Int(worker)] == 0 { return }
        for node in 1..<slots where nodes.elements[node].isUsed && tenant(worker, of: node) != nil {
            _ = drop(worker, from: node)
        }
        // No node has children that its own workers do not have: those of a node without are without, too.
        for node in 1..<slots where nodes.elements[node].isUsed && nodes.elements[node].tenants.count == 0 {
            free(node)
        }
    }

    /// A worker that has a node has it no more.
    /// - Returns: whether another has it.
    mutating func drop(_ worker: Int32, from node: Int) -> Bool {
        let nodes = nodes.elements
        var list = nodes[node].tenants
        lists.remove(worker, from: &list)
        nodes[node].tenants = list
        sizes.elements.subtract(Int64(nodes[node].count), at: Int(worker))
        held.elements.subtract(1, at: Int(worker))
        return list.count > 0
    }

    /// Removes a node that no worker has.
    mutating func free(_ node: Int) {
        let nodes = nodes.elements
        edges.remove(node, slots: slots, nodes)
        let (previous, next, parent) = (nodes[node].previousSibling, nodes[node].nextSibling, nodes[node].parent)
        if previous >= 0 {
            nodes[Int(previous)].nextSibling = next
        } else if nodes[Int(parent)].isUsed {
            nodes[Int(parent)].firstChild = next
        }
        if next >= 0 { nodes[Int(next)].previousSibling = previous }
        text.forget(Int(nodes[node].count), nodes[node].shift)
        nodes[node].parent = -2
        nodes[node].nextSibling = firstFree
        firstFree = Int32(truncatingIfNeeded: node)
        used &-= 1
    }
}
