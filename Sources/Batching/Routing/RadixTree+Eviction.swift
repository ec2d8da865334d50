/// A leaf that a worker may lose: no child of the node was sent to it.
struct EvictableLeaf: BitwiseCopyable {
    let stamp: Int64
    /// Of leaves with the same stamp.
    let order: Int64
    let node: Int32
    let worker: Int32

    static func precedes(_ one: EvictableLeaf, _ other: EvictableLeaf) -> Bool {
        (one.stamp, one.order) < (other.stamp, other.order)
    }
}

extension RadixTree {
    /// How many nodes the workers have that have more elements than this.
    func evictable(above most: Int64) -> Int {
        var count: Int64 = 0
        for worker in 0..<workers where sizes.elements[worker] > most { count &+= held.elements[worker] }
        return Int(count)
    }

    /// Takes from each worker that has more elements than this its least recently used leaf, and again, until it has no
    /// more. Leaves that were only passed through go first: those of the newest branches before the others.
    /// - Parameter leaves: room for `evictable`.
    /// - Complexity: O(nodes + evictable x log evictable).
    mutating func evict(above most: Int64, _ leaves: UnsafeMutablePointer<EvictableLeaf>) {
        var count = collect(above: most, leaves)
        var order = Int64(count)
        while count > 0 {
            let leaf = leaves[0]
            count &-= 1
            if count > 0 {
                Heap.siftDown(leaves[count], from: 0, leaves, count: count, by: EvictableLeaf.precedes)
            }
            if sizes.elements[Int(leaf.worker)] <= most { continue }
            let node = Int(leaf.node)
            let parent = nodes.elements[node].parent
            if !drop(leaf.worker, from: node) { free(node) }
            guard parent > 0, let above = tenant(leaf.worker, of: Int(parent)) else { continue }
            above.pointee.children &-= 1
            if above.pointee.children > 0 { continue }
            let next = EvictableLeaf(stamp: above.pointee.stamp, order: order, node: parent, worker: leaf.worker)
            Heap.siftUp(next, from: count, leaves, by: EvictableLeaf.precedes)
            order &+= 1
            count &+= 1
        }
    }

    /// Makes a heap of the leaves of those workers.
    /// - Returns: how many there are.
    private func collect(above most: Int64, _ leaves: UnsafeMutablePointer<EvictableLeaf>) -> Int {
        let nodes = nodes.elements
        var (count, node) = (0, 0)
        while true {
            for tenant in tenants(node) where tenant.children == 0 && sizes.elements[Int(tenant.worker)] > most {
                let leaf = EvictableLeaf(
                    stamp: tenant.stamp, order: Int64(count), node: Int32(truncatingIfNeeded: node),
                    worker: tenant.worker)
                Heap.siftUp(leaf, from: count, leaves, by: EvictableLeaf.precedes)
                count &+= 1
            }
            if nodes[node].firstChild >= 0 {
                node = Int(nodes[node].firstChild)
                continue
            }
            while node > 0, nodes[node].nextSibling < 0 { node = Int(nodes[node].parent) }
            if node == 0 { return count }
            node = Int(nodes[node].nextSibling)
        }
    }
}
