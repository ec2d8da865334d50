// How often workers have a node, and what it weighs there: see `PromptPaths`.
extension PromptPaths {
    @inline(__always)
    private func key(_ number: Int32, _ layer: Layer, _ worker: Int) -> Int64 {
        Int64(number) << 7 | Int64(worker & 63) << 1 | layer.rawValue
    }

    @inline(__always)
    private func isShared(_ number: Int32, _ layer: Layer, _ bit: UInt64) -> Bool {
        let node = nodes.elements + Int(number)
        return (layer == .active ? node.pointee.activeShared : node.pointee.heldShared) & bit != 0
    }

    @inline(__always)
    private func setShared(_ number: Int32, _ layer: Layer, _ bit: UInt64, _ isShared: Bool) {
        let node = nodes.elements + Int(number)
        if layer == .active {
            node.pointee.activeShared = isShared ? node.pointee.activeShared | bit : node.pointee.activeShared & ~bit
        } else {
            node.pointee.heldShared = isShared ? node.pointee.heldShared | bit : node.pointee.heldShared & ~bit
        }
    }

    /// One more use of a node by a worker that has it; there is room for a record.
    mutating func share(_ number: Int32, _ layer: Layer, _ worker: Int) {
        let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: worker & 63)
        let key = key(number, layer, worker)
        if isShared(number, layer, bit) {
            shared.record(key).pointee.more &+= 1
        } else {
            shared.add(key, more: 1, weight: 1)
            setShared(number, layer, bit, true)
        }
    }

    /// A node that was split off weighs what the rest of it weighs; there is room for 64 records.
    mutating func copyWeights(from number: Int32, to other: Int32) {
        var left = nodes.elements[Int(number)].activeShared
        while left != 0 {
            let worker = left.trailingZeroBitCount
            left &= left &- 1
            let weight = shared.record(key(number, .active, worker)).pointee.weight
            if weight == 1 { continue }
            shared.add(key(other, .active, worker), more: 0, weight: weight)
            setShared(other, .active, 1 &<< UInt64(truncatingIfNeeded: worker), true)
        }
    }

    /// Removes a path of a worker from a layer.
    /// - Parameter path: its last node; -1: it is empty.
    /// - Returns: what the blocks weighed that the worker has no more.
    mutating func remove(_ path: Int32, _ layer: Layer, worker: Int) -> BlockSum {
        let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: worker & 63)
        var gone = BlockSum()
        var number = path
        while number >= 0 {
            let node = nodes.elements + Int(number)
            let blocks = Int64(node.pointee.count)
            if isShared(number, layer, bit) {
                let record = shared.record(key(number, layer, worker))
                let isLast = record.pointee.more == 0
                if isLast {
                    gone += BlockSum(weight: record.pointee.weight, count: blocks)
                } else {
                    record.pointee.more &-= 1
                }
                if isLast || record.pointee.isPlain {
                    shared.remove(record)
                    setShared(number, layer, bit, false)
                }
                if !isLast { break }
            } else {
                gone += BlockSum(whole: blocks)
            }
            if layer == .active { node.pointee.active &= ~bit } else { node.pointee.held &= ~bit }
            let before = node.pointee.before
            dropIfUnused(number)
            number = before
        }
        return gone
    }

    /// Sets what the blocks of an active path weigh that no other path has.
    /// - Parameter path: its last node; -1: it is empty.
    /// - Returns: what they weigh, and what they weighed.
    mutating func weigh(
        _ path: Int32, worker: Int, weight: Double
    ) throws(BatchingError) -> (now: BlockSum, before: BlockSum) {
        try shared.reserve(countOfOwn(path, worker))
        let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: worker & 63)
        var (now, before) = (BlockSum(), BlockSum())
        var number = path
        while number >= 0 {
            let blocks = Int64(nodes.elements[Int(number)].count)
            if isShared(number, .active, bit) {
                let record = shared.record(key(number, .active, worker))
                if record.pointee.more > 0 { break }
                before += BlockSum(weight: record.pointee.weight, count: blocks)
                record.pointee.weight = weight
                if record.pointee.isPlain {
                    shared.remove(record)
                    setShared(number, .active, bit, false)
                }
            } else {
                before += BlockSum(whole: blocks)
                if weight != 1 {
                    shared.add(key(number, .active, worker), more: 0, weight: weight)
                    setShared(number, .active, bit, true)
                }
            }
            now += BlockSum(weight: weight, count: blocks)
            number = nodes.elements[Int(number)].before
        }
        return (now, before)
    }

    /// Nodes at the end of an active path that no other path has.
    private func countOfOwn(_ path: Int32, _ worker: Int) throws(BatchingError) -> Int {
        let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: worker & 63)
        var count = 0
        var number = path
        while number >= 0 {
            if isShared(number, .active, bit), shared.record(key(number, .active, worker)).pointee.more > 0 { break }
            try Work.row(count)
            count &+= 1
            number = nodes.elements[Int(number)].before
        }
        return count
    }
}
