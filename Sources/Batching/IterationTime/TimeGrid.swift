/// Measured seconds of one part of an iteration: a curve over places that rise. The columns are borrowed.
public struct TimeCurve {
    /// How many places.
    public var count = 0
    /// Where it was measured.
    public var places: UnsafePointer<Double>?
    /// What it took there; none below the one before.
    public var seconds: UnsafePointer<Double>?

    /// Nothing was measured: the part takes no time.
    public init() {}

    /// `count` places, and as many seconds.
    public init(count: Int, places: UnsafePointer<Double>?, seconds: UnsafePointer<Double>?) {
        self.count = count
        self.places = places
        self.seconds = seconds
    }
}

/// The same over two axes: `rowCount` x `columnCount` seconds, row by row.
public struct TimeGrid {
    /// How many places the rows have.
    public var rowCount = 0
    /// How many places the columns have.
    public var columnCount = 0
    /// Where the rows were measured.
    public var rows: UnsafePointer<Double>?
    /// Where the columns were measured.
    public var columns: UnsafePointer<Double>?
    /// What it took there; none below the one before, in its row and in its column.
    public var seconds: UnsafePointer<Double>?

    /// Nothing was measured: the part takes no time.
    public init() {}

    /// `rowCount` x `columnCount` seconds.
    public init(
        rowCount: Int, columnCount: Int, rows: UnsafePointer<Double>?, columns: UnsafePointer<Double>?,
        seconds: UnsafePointer<Double>?
    ) {
        self.rowCount = rowCount
        self.columnCount = columnCount
        self.rows = rows
        self.columns = columns
        self.seconds = seconds
    }

    var valueCount: Int { rowCount &* columnCount }
}

/// What the columns of a curve or a grid are called.
struct TimeColumnNames {
    var counts: (rows: StaticString, columns: StaticString)
    var places: (rows: StaticString, columns: StaticString)
    var seconds: StaticString
}

// What they must be: each value in its range, and none that falls.
extension TimeCurve {
    func check(_ count: StaticString, _ places: StaticString, _ seconds: StaticString) throws(BatchingError) {
        try TimeGrid(
            rowCount: self.count, columnCount: min(self.count, 1), rows: self.places, columns: nil,
            seconds: self.seconds
        )
        .check(
            TimeColumnNames(counts: (count, count), places: (places, places), seconds: seconds), isCurve: true)
    }
}

extension TimeGrid {
    static var mostPlaces: Int { 65_536 }
    private static var mostValues: Int { 16_777_216 }

    /// Throws unless there are no more values than a grid may have.
    func checkSize(_ names: TimeColumnNames) throws(BatchingError) {
        func check(_ count: Int, _ name: StaticString) throws(BatchingError) {
            guard count >= 0, count <= TimeGrid.mostPlaces else {
                throw .invalid("time_table.\(name)", count, "must be between 0 and \(TimeGrid.mostPlaces)")
            }
        }
        try check(rowCount, names.counts.rows)
        try check(columnCount, names.counts.columns)
        guard (rowCount > 0) == (columnCount > 0) else {
            let name = rowCount > 0 ? names.counts.columns : names.counts.rows
            throw .invalid("time_table.\(name)", 0, "must be above 0, as the other axis has places")
        }
        guard rowCount == 0 || columnCount <= TimeGrid.mostValues / rowCount else {
            throw .invalid(
                "time_table.\(names.counts.columns)", columnCount,
                "must be at most \(TimeGrid.mostValues) / \(names.counts.rows), which is \(rowCount)")
        }
    }

    /// - Parameter isCurve: whether it has one column, without a place. Else no row may be at 0.
    func check(_ names: TimeColumnNames, isCurve: Bool = false) throws(BatchingError) {
        try checkSize(names)
        guard rowCount > 0 else { return }
        try TimeGrid.checkAxis(rows, rowCount, names.places.rows, isPositive: !isCurve)
        if !isCurve { try TimeGrid.checkAxis(columns, columnCount, names.places.columns, isPositive: false) }
        guard let seconds else { throw TimeGrid.missing(names.seconds) }
        for index in 0..<valueCount {
            try Work.row(index)
            guard Nanoseconds.holds(seconds[index]) else {
                throw .invalid("time_table.\(names.seconds)", index, seconds[index], Nanoseconds.requirement)
            }
            let hasLeft = index % columnCount > 0
            if hasLeft { try TimeGrid.checkRise(seconds, names.seconds, from: index - 1, to: index) }
            if index >= columnCount {
                try TimeGrid.checkRise(seconds, names.seconds, from: index - columnCount, to: index)
            }
        }
    }

    private static func checkAxis(
        _ places: UnsafePointer<Double>?, _ count: Int, _ name: StaticString, isPositive: Bool
    ) throws(BatchingError) {
        guard let places else { throw missing(name) }
        for index in 0..<count {
            try Work.row(index)
            let place = places[index]
            guard place >= 0, place <= 0x1p53 else {
                throw .invalid("time_table.\(name)", index, place, "must be between 0 and 9007199254740992")
            }
            if isPositive, place == 0 { throw .invalid("time_table.\(name)", index, place, "must be above 0") }
            if index > 0, place <= places[index - 1] {
                throw .invalid(
                    "time_table.\(name)", index, place, "must be above the one before it, which is \(places[index - 1])"
                )
            }
        }
    }

    private static func checkRise(
        _ seconds: UnsafePointer<Double>, _ name: StaticString, from first: Int, to index: Int
    ) throws(BatchingError) {
        guard seconds[index] < seconds[first] else { return }
        throw .invalid(
            "time_table.\(name)", index, seconds[index], "must be at least element \(first), which is \(seconds[first])"
        )
    }

    private static func missing(_ name: StaticString) -> BatchingError {
        BatchingError(.nullPointer, "time_table.\(name) is NULL: it is required")
    }
}
