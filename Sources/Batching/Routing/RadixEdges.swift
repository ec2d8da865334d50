/// The children of the nodes of a radix tree, by their parent and their first element: open addressing with linear
/// probing, at most half full. The nodes belong to the tree.
///
/// - Complexity: O(1), whatever the elements: see `HashKey`.
struct RadixEdges: ~Copyable {
    typealias Nodes = UnsafeMutablePointer<RadixNode>

    /// Numbers of nodes + 1; 0: none.
    private var places: ZeroedBuffer<UInt32>
    private var mask: Int
    private var key: HashKey

    init() throws(BatchingError) {
        places = try ZeroedBuffer(count: 128)
        mask = 127
        key = HashKey()
    }

    init(copying other: borrowing RadixEdges, _ copy: inout DeepCopy) {
        places = ZeroedBuffer(copying: other.places, count: other.mask &+ 1, &copy)
        (mask, key) = (other.mask, other.key)
    }

    /// The child of a node that begins with an element; -1 if it has none.
    @inline(__always)
    func child(of parent: Int32, _ element: UInt64, _ nodes: Nodes) -> Int {
        var place = home(parent, element)
        while true {
            let number = Int(places.elements[place]) &- 1
            if number < 0 || (nodes[number].first == element && nodes[number].parent == parent) { return number }
            place = (place &+ 1) & mask
        }
    }

    /// Adds a node, which must not be there; there is room.
    /// - Parameter slots: nodes are below it; those that are not free are here, but the root.
    mutating func insert(_ number: Int, slots: Int, _ nodes: Nodes) {
        let steps = put(number, nodes)
        if steps > HashKey.longSearch { noteLongSearch(steps, slots: slots, nodes) }
    }

    /// Removes a node. Those after it move up, so that no search ends too early.
    mutating func remove(_ number: Int, slots: Int, _ nodes: Nodes) {
        let places = places.elements
        let first = place(of: number, nodes)
        var (hole, place) = (first, first)
        while true {
            place = (place &+ 1) & mask
            let other = places[place]
            if other == 0 { break }
            // It may move into the hole unless its home lies after the hole.
            let distance = (place &- home(of: Int(other) &- 1, nodes)) & mask
            if distance >= (place &- hole) & mask {
                places[hole] = other
                hole = place
            }
        }
        places[hole] = 0
        let steps = (place &- first) & mask
        if steps > HashKey.longSearch { noteLongSearch(steps, slots: slots, nodes, without: number) }
    }

    /// Puts a node in the place of another, which has the same parent and the same first element.
    mutating func replace(_ number: Int, by other: Int, _ nodes: Nodes) {
        let place = place(of: number, nodes)
        places.elements[place] = UInt32(truncatingIfNeeded: other &+ 1)
    }

    /// Makes room for so many nodes.
    mutating func reserve(_ count: Int, _ nodes: Nodes) throws(BatchingError) {
        if 2 &* count <= mask { return }
        let before = mask
        var size = 2 &* (mask &+ 1)
        while size <= 2 &* count { size &*= 2 }
        var larger = try ZeroedBuffer<UInt32>(count: size)
        swap(&places, &larger)
        mask = size &- 1
        for place in 0...before where larger.elements[place] != 0 {
            _ = put(Int(larger.elements[place]) &- 1, nodes)
        }
    }
}

extension RadixEdges {
    /// Where the search begins.
    @inline(__always)
    private func home(_ parent: Int32, _ element: UInt64) -> Int {
        let node = UInt64(UInt32(truncatingIfNeeded: parent))
        if key.isSet { return Int(truncatingIfNeeded: RadixEdges.keyedHash(node, element, key)) & mask }
        // The folded product mixes all bits.
        let (high, low) = (element ^ (node &+ 1) &* 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
            by: 0xD6E8_FEB8_6659_FD93)
        return Int(truncatingIfNeeded: high ^ low) & mask
    }

    @inline(__always)
    private func home(of number: Int, _ nodes: Nodes) -> Int { home(nodes[number].parent, nodes[number].first) }

    @inline(never)
    private static func keyedHash(_ node: UInt64, _ element: UInt64, _ key: HashKey) -> UInt64 {
        var hash = SipHash(key)
        hash.add(node)
        hash.add(element)
        return hash.finish()
    }

    /// The place of a node that is there.
    @inline(__always)
    private func place(of number: Int, _ nodes: Nodes) -> Int {
        var place = home(of: number, nodes)
        while places.elements[place] != UInt32(truncatingIfNeeded: number &+ 1) { place = (place &+ 1) & mask }
        return place
    }

    /// - Returns: how many steps it took.
    @inline(__always)
    private mutating func put(_ number: Int, _ nodes: Nodes) -> Int {
        let places = places.elements
        let first = home(of: number, nodes)
        var place = first
        while places[place] != 0 { place = (place &+ 1) & mask }
        places[place] = UInt32(truncatingIfNeeded: number &+ 1)
        return (place &- first) & mask
    }

    @inline(never)
    private mutating func noteLongSearch(_ steps: Int, slots: Int, _ nodes: Nodes, without removed: Int = 0) {
        guard key.isWornOut(by: steps, size: 2 &* slots) else { return }
        let places = places.elements
        places.update(repeating: 0, count: mask &+ 1)
        var hash = SipHash(key)
        for number in 1..<slots where nodes[number].isUsed && number != removed {
            hash.add(UInt64(UInt32(truncatingIfNeeded: nodes[number].parent)))
            hash.add(nodes[number].first)
        }
        key.renew(hash)
        for number in 1..<slots where nodes[number].isUsed && number != removed { _ = put(number, nodes) }
    }
}
