/// Ids, and the place of each in their rising order, in which those that are equal have the same one.
///
/// - Complexity: O(n log n) time for n ids, and 8 bytes for each.
struct RankedIds: ~Copyable {
    private let different: ScratchBuffer<Int64>
    /// How many differ.
    let count: Int

    /// - Parameter ids: to be called with 0..<`count`.
    init(count: Int, _ ids: (Int) -> Int64) throws(BatchingError) {
        let sorted = try ScratchBuffer<Int64>(uninitialized: count)
        let elements = sorted.elements
        for place in 0..<count {
            try Work.row(place)
            elements[place] = ids(place)
        }
        try Heap.sort(
            elements, count: count, step: { (step) throws(BatchingError) in try Work.row(step) }, by: { $0 < $1 })
        var kept = 0
        for place in 0..<count where place == 0 || elements[place] != elements[place &- 1] {
            // The one before it may have moved, but not behind it.
            elements[kept] = elements[place]
            kept &+= 1
        }
        different = sorted
        self.count = kept
    }

    /// - Parameter id: one of them.
    func rank(of id: Int64) -> Int64 {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low &+ high) / 2
            if different.elements[middle] < id { low = middle &+ 1 } else { high = middle }
        }
        return Int64(low)
    }
}
