/// Columns of one type, all of as many rows, in one piece of memory, which grows by doubling.
struct ColumnTable<Element: BitwiseCopyable>: ~Copyable {
    let columns: Int
    /// Rows for which there is room.
    private(set) var rows: Int
    private var elements: GrowableBuffer<Element>

    private static var leastRows: Int { 64 }

    init(columns: Int) throws(BatchingError) {
        elements = try GrowableBuffer(capacity: 0)
        self.columns = columns
        rows = 0
    }

    init(copying other: borrowing ColumnTable, _ copy: inout DeepCopy) {
        (columns, rows) = (other.columns, other.rows)
        elements = GrowableBuffer(copying: other.elements, count: other.rows &* other.columns, &copy)
    }

    /// Valid until the table grows.
    @inline(__always)
    func column(_ number: Int) -> UnsafeMutablePointer<Element> { elements.elements + number &* rows }

    /// Makes room for at least `count` rows; what is there stays.
    mutating func reserve(_ count: Int) throws(BatchingError) {
        if count <= rows { return }
        let more = max(count, 2 &* rows, Self.leastRows)
        try elements.reserve(more &* columns)
        // The last first: each goes to where others have been.
        for number in (1..<max(columns, 1)).reversed() {
            (elements.elements + number &* more).update(from: elements.elements + number &* rows, count: rows)
        }
        rows = more
    }
}
