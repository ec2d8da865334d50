/// What a block pool was before a trial: each of its blocks and nodes that the trial changes, as it was before the first
/// change. So none is here twice, and no more than there are: noting one cannot fail.
struct BlockJournal: ~Copyable {
    struct Counters {
        var free = 0
        var fresh: Int32 = 0
        var key = HashKey()
        var idleWatched = 0
        var awaited = BlockPool.Content.none
        var awaitedIsThere = false
    }

    private struct BlockBefore: BitwiseCopyable {
        var index: Int32
        var value: BlockPool.Block
    }

    private struct NodeBefore: BitwiseCopyable {
        var index: Int32
        var value: BlockPool.Node
    }

    private(set) var counters = Counters()
    private let blocks: ScratchBuffer<BlockBefore>
    private let nodes: ScratchBuffer<NodeBefore>
    private var blockCount = 0
    private var nodeCount = 0
    /// The last trial that noted each.
    private let blockTrials: ZeroedBuffer<UInt32>
    private let nodeTrials: ZeroedBuffer<UInt32>
    private let allBlocks: Int
    private let allNodes: Int
    /// Its number, never 0.
    private var trial: UInt32 = 0

    init(blocks allBlocks: Int, nodes allNodes: Int) throws(BatchingError) {
        let blocks = try ScratchBuffer<BlockBefore>(uninitialized: allBlocks)
        let nodes = try ScratchBuffer<NodeBefore>(uninitialized: allNodes)
        let blockTrials = try ZeroedBuffer<UInt32>(count: allBlocks)
        let nodeTrials = try ZeroedBuffer<UInt32>(count: allNodes)
        self.blocks = blocks
        self.nodes = nodes
        self.blockTrials = blockTrials
        self.nodeTrials = nodeTrials
        self.allBlocks = allBlocks
        self.allNodes = allNodes
    }

    mutating func begin(_ counters: Counters) {
        self.counters = counters
        blockCount = 0
        nodeCount = 0
        trial &+= 1
        if trial == 0 {
            // Four billion trials ago the numbers were the same.
            blockTrials.elements.update(repeating: 0, count: allBlocks)
            nodeTrials.elements.update(repeating: 0, count: allNodes)
            trial = 1
        }
    }

    /// A block is about to change.
    @inline(__always)
    mutating func note(block: Int32, _ elements: UnsafePointer<BlockPool.Block>) {
        let index = Int(block)
        if blockTrials.elements[index] == trial { return }
        blockTrials.elements[index] = trial
        blocks.elements[blockCount] = BlockBefore(index: block, value: elements[index])
        blockCount &+= 1
    }

    /// A node is about to change.
    @inline(__always)
    mutating func note(node: Int32, _ elements: UnsafePointer<BlockPool.Node>) {
        let index = Int(node)
        if nodeTrials.elements[index] == trial { return }
        nodeTrials.elements[index] = trial
        nodes.elements[nodeCount] = NodeBefore(index: node, value: elements[index])
        nodeCount &+= 1
    }

    /// Everything is again as it was.
    func restore(
        _ blockElements: UnsafeMutablePointer<BlockPool.Block>, _ nodeElements: UnsafeMutablePointer<BlockPool.Node>
    ) {
        for position in 0..<blockCount {
            let before = blocks.elements[position]
            blockElements[Int(before.index)] = before.value
        }
        for position in 0..<nodeCount {
            let before = nodes.elements[position]
            nodeElements[Int(before.index)] = before.value
        }
    }
}
