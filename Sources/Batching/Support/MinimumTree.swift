/// The least of a number for each index, of equals the first: a tree of minima, each beside the index that has it, so that a
/// change reads one node a level and does not guess.
/// - Complexity: O(log n) a change.
struct MinimumTree: ~Copyable {
    struct Node: BitwiseCopyable {
        var value: Int64
        var index: Int32
    }

    /// By node, the root at 1, the indices from `leaves` on.
    private let nodes: ScratchBuffer<Node>
    private let leaves: Int

    /// - Parameters:
    ///   - count: of indices, at least 1.
    ///   - value: of each.
    init(count: Int, repeating value: Int64) throws(BatchingError) {
        var leaves = 1
        while leaves < count { leaves &*= 2 }
        let nodes = try ScratchBuffer(count: 2 &* leaves, repeating: Node(value: .max, index: 0))
        for leaf in 0..<leaves {
            nodes.elements[leaves &+ leaf] = Node(
                value: leaf < count ? value : .max, index: Int32(truncatingIfNeeded: leaf))
        }
        for node in (1..<leaves).reversed() { nodes.elements[node] = nodes.elements[2 &* node] }
        self.nodes = nodes
        self.leaves = leaves
    }

    init(copying other: borrowing MinimumTree, _ copy: inout DeepCopy) {
        nodes = ScratchBuffer(copying: other.nodes, &copy)
        leaves = other.leaves
    }

    /// The index that has the least, and that.
    @inline(__always)
    var first: Int { Int(nodes.elements[1].index) }
    @inline(__always)
    var least: Int64 { nodes.elements[1].value }

    @inline(__always)
    func value(of index: Int) -> Int64 { nodes.elements[leaves &+ index].value }

    /// The least of all others than the first; `Int64.max`: there is none.
    @inline(__always)
    var nextLeast: Int64 {
        let nodes = nodes.elements
        var least = Int64.max
        var node = leaves &+ Int(nodes[1].index)
        while node > 1 {
            least = min(least, nodes[node ^ 1].value)
            node /= 2
        }
        return least
    }

    /// - Parameter value: at least 0.
    @inline(__always)
    func set(_ index: Int, _ value: Int64) {
        let nodes = nodes.elements
        var node = leaves &+ index
        if nodes[node].value == value { return }
        var best = Node(value: value, index: Int32(truncatingIfNeeded: index))
        nodes[node] = best
        while node > 1 {
            let other = nodes[node ^ 1]
            // Of equals the left one, which has an even number.
            let isOther = other.value &- Int64(node & 1) < best.value
            best.value = isOther ? other.value : best.value
            best.index = isOther ? other.index : best.index
            node /= 2
            nodes[node] = best
        }
    }
}
