/// Valid times, in nanoseconds.
private struct TimeColumn: IntegerColumn {
    let times: UnsafePointer<Double>

    @inline(__always)
    subscript(index: Int) -> Int64 { Nanoseconds(validSeconds: times[index]).count }
}

/// In which order the rows of columns are visited: position 0, 1, 2, … to the index of a row.
protocol RowOrder {
    subscript(position: Int) -> Int { get }
}

/// The order in which the rows are given.
struct GivenOrder: RowOrder {
    @inline(__always)
    subscript(position: Int) -> Int { position }
}

/// Any order, as a borrowed permutation.
struct PermutedOrder: RowOrder {
    let indices: UnsafePointer<UInt32>

    @inline(__always)
    subscript(position: Int) -> Int { Int(indices[position]) }
}

/// The permutation that sorts a column of times, ties in the given order.
///
/// A least-significant-digit radix sort on the nanoseconds: stable, without recursion, in memory that is known before
/// it starts. Few rows, for which its counters would be the most work, are sorted by comparing.
/// - Complexity: O(`count`) time; 24 bytes a row, 4 of them kept.
struct TimeOrder: ~Copyable {
    private let sorted: ScratchBuffer<UInt32>

    var order: PermutedOrder { PermutedOrder(indices: UnsafePointer(sorted.elements)) }

    private static let digitBits = 11
    private static let digits = 1 << digitBits
    private static let few = 1 << 8

    /// - Parameter count: at most `UInt32.max`.
    init(sorting times: UnsafePointer<Double>, count: Int) throws(BatchingError) {
        try self.init(sorting: TimeColumn(times: times), count: count)
    }

    /// - Parameters:
    ///   - column: nanoseconds, each at least 0.
    ///   - count: at most `UInt32.max`.
    init(sorting column: some IntegerColumn, count: Int) throws(BatchingError) {
        if count <= TimeOrder.few {
            sorted = try TimeOrder.sortedFew(column, count)
            return
        }
        let firstKeys = try ScratchBuffer<Int64>(uninitialized: count)
        let secondKeys = try ScratchBuffer<Int64>(uninitialized: count)
        let firstIndices = try ScratchBuffer<UInt32>(uninitialized: count)
        let secondIndices = try ScratchBuffer<UInt32>(uninitialized: count)
        let offsets = try ScratchBuffer<Int>(uninitialized: TimeOrder.digits)

        var largest: Int64 = 0
        try Work.rows(of: count) { index in
            let key = column[index]
            firstKeys.elements[index] = key
            firstIndices.elements[index] = UInt32(truncatingIfNeeded: index)
            largest = max(largest, key)
        }

        var (keys, sortedKeys) = (firstKeys.elements, secondKeys.elements)
        var (indices, sortedIndices) = (firstIndices.elements, secondIndices.elements)
        var inSecond = false
        var shift: Int64 = 0
        while shift < 64, largest >> shift > 0 {
            try TimeOrder.countingSort(
                by: shift, count: count, keys, indices, into: sortedKeys, sortedIndices, offsets: offsets.elements)
            swap(&keys, &sortedKeys)
            swap(&indices, &sortedIndices)
            inSecond.toggle()
            shift += Int64(TimeOrder.digitBits)
        }
        if inSecond {
            sorted = secondIndices
        } else {
            sorted = firstIndices
        }
    }

    private static func sortedFew(
        _ column: some IntegerColumn, _ count: Int
    ) throws(BatchingError) -> ScratchBuffer<UInt32> {
        let indices = try ScratchBuffer<UInt32>(uninitialized: count)
        for index in 0..<count { indices.elements[index] = UInt32(truncatingIfNeeded: index) }
        Heap.sort(indices.elements, count: count) { one, other in
            let (key, otherKey) = (column[Int(one)], column[Int(other)])
            return key == otherKey ? one < other : key < otherKey
        }
        return indices
    }

    private static func countingSort(
        by shift: Int64, count: Int, _ keys: UnsafeMutablePointer<Int64>, _ indices: UnsafeMutablePointer<UInt32>,
        into sortedKeys: UnsafeMutablePointer<Int64>, _ sortedIndices: UnsafeMutablePointer<UInt32>,
        offsets: UnsafeMutablePointer<Int>
    ) throws(BatchingError) {
        let mask = Int64(digits - 1)
        offsets.update(repeating: 0, count: digits)
        try Work.rows(of: count) { position in
            offsets[Int(truncatingIfNeeded: (keys[position] >> shift) & mask)] &+= 1
        }
        var offset = 0
        for digit in 0..<digits {
            let width = offsets[digit]
            offsets[digit] = offset
            offset &+= width
        }
        try Work.rows(of: count) { position in
            let digit = Int(truncatingIfNeeded: (keys[position] >> shift) & mask)
            let target = offsets[digit]
            offsets[digit] = target &+ 1
            sortedKeys[target] = keys[position]
            sortedIndices[target] = indices[position]
        }
    }
}
