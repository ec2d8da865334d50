extension TableTime {
    /// From an object that has its fields by the names of the C header, as Python writes them: columns are arrays, grids
    /// arrays of rows, and their lengths say how many there are.
    /// - Parameter numbers: for those of the columns, which the table points to.
    init(
        _ object: JSONReader, _ decimals: DecimalReader, _ numbers: inout TableNumbers
    ) throws(BatchingError) {
        self.init()
        var columns = TableColumns()
        var members = JSONObject(object, "iteration_time.", decimals)
        while var member = try members.next() {
            _ = member.take("model")
            if member.take("source") { _ = try member.string() }
            try visitNumbers { (value, name) throws(BatchingError) in
                try member.take(name, &value)
            }
            try columns.take(&member, &numbers)
            try members.end(member)
        }
        // In C, 0 is the default of a scale.
        try TableTime.check(scale: linearScale, "linear_scale")
        try TableTime.check(scale: headScale, "head_scale")
        try TableTime.check(scale: decodeScale, "decode_scale")
        try TableTime.check(scale: prefillScale, "prefill_scale")
        try columns.check()
        linear = columns.curve(columns.linearTokens, columns.linearSeconds, numbers)
        head = columns.curve(columns.headSequences, columns.headSeconds, numbers)
        decode = columns.grid(
            columns.decodeSequences, columns.decodeContexts, columns.decodeSeconds, numbers)
        prefill = columns.grid(
            columns.prefillTokens, columns.prefillContexts, columns.prefillSeconds, numbers)
    }

    @inline(never)
    private static func check(scale: Double, _ name: StaticString) throws(BatchingError) {
        guard scale != 0 else { throw .invalid("iteration_time.\(name)", scale, "must be above 0") }
    }
}

/// The numbers of all columns of a table, one after the other.
struct TableNumbers: ~Copyable {
    private var buffer: GrowableBuffer<Double>
    private(set) var count = 0

    init() throws(BatchingError) {
        buffer = try GrowableBuffer(capacity: 0)
    }

    mutating func append(_ number: Double) throws(BatchingError) {
        try buffer.reserve(count &+ 1)
        buffer.elements[count] = number
        count &+= 1
    }

    /// Those from a place on, valid until the next is appended.
    func from(_ first: Int) -> UnsafePointer<Double> { UnsafePointer(buffer.elements + first) }
}

/// The columns of a table as they are read. Where their numbers are is known only in the end.
struct TableColumns {
    /// Some of the numbers: an array, or an array of rows of one length.
    struct Column {
        let name: StaticString
        fileprivate(set) var first = 0
        fileprivate(set) var count = 0
        /// Of a grid.
        fileprivate(set) var rows = 0
    }

    private(set) var linearTokens = Column(name: "linear_tokens")
    private(set) var linearSeconds = Column(name: "linear_seconds")
    private(set) var headSequences = Column(name: "head_sequences")
    private(set) var headSeconds = Column(name: "head_seconds")
    private(set) var decodeSequences = Column(name: "decode_sequences")
    private(set) var decodeContexts = Column(name: "decode_contexts")
    private(set) var decodeSeconds = Column(name: "decode_seconds")
    private(set) var prefillTokens = Column(name: "prefill_tokens")
    private(set) var prefillContexts = Column(name: "prefill_contexts")
    private(set) var prefillSeconds = Column(name: "prefill_seconds")

    /// The member's column, if it is one.
    mutating func take(_ member: inout JSONMember, _ numbers: inout TableNumbers) throws(BatchingError) {
        try TableColumns.take(&member, &linearTokens, &numbers)
        try TableColumns.take(&member, &linearSeconds, &numbers)
        try TableColumns.take(&member, &headSequences, &numbers)
        try TableColumns.take(&member, &headSeconds, &numbers)
        try TableColumns.take(&member, &decodeSequences, &numbers)
        try TableColumns.take(&member, &decodeContexts, &numbers)
        try TableColumns.take(&member, &decodeSeconds, &numbers, isGrid: true)
        try TableColumns.take(&member, &prefillTokens, &numbers)
        try TableColumns.take(&member, &prefillContexts, &numbers)
        try TableColumns.take(&member, &prefillSeconds, &numbers, isGrid: true)
    }

    @inline(never)
    private static func take(
        _ member: inout JSONMember, _ column: inout Column, _ numbers: inout TableNumbers,
        isGrid: Bool = false
    ) throws(BatchingError) {
        guard member.take(column.name) else { return }
        column.first = numbers.count
        if isGrid {
            try readGrid(member, &column, &numbers)
        } else {
            var text = member.value
            try readNumbers(member, &text, row: nil, &numbers)
        }
        column.count = numbers.count &- column.first
    }

    @inline(never)
    private static func readGrid(
        _ member: JSONMember, _ column: inout Column, _ numbers: inout TableNumbers
    ) throws(BatchingError) {
        guard member.value.byte == UInt8(ascii: "[") else { throw member.wrong("must be an array of rows") }
        var text = member.value
        var place = JSONReader.Place()
        var length = 0
        while try text.hasElement(&place) {
            let before = numbers.count
            try readNumbers(member, &text, row: column.rows, &numbers)
            if column.rows == 0 { length = numbers.count &- before }
            guard numbers.count &- before == length else {
                throw member.error(
                    "[\(column.rows)] has \(numbers.count &- before) values: must have \(length), as the rows before it",
                    separator: "")
            }
            column.rows &+= 1
        }
    }

    /// Appends the numbers of an array, and goes behind it.
    @inline(never)
    private static func readNumbers(
        _ member: JSONMember, _ text: inout JSONReader, row: Int?, _ numbers: inout TableNumbers
    ) throws(BatchingError) {
        guard text.byte == UInt8(ascii: "[") else {
            guard let row else { throw member.wrong("must be an array of numbers") }
            throw member.error(
                "[\(row)] is \(try ErrorText(value: text)): must be a row, an array of numbers", separator: "")
        }
        let first = numbers.count
        var place = JSONReader.Place()
        while try text.hasElement(&place) {
            let number = try member.number(at: text, element: JSONElement(row: row, index: numbers.count &- first))
            try text.skipValue()
            // A sum with 0 makes of -0 a 0.
            try numbers.append(number + 0.0)
        }
    }

    /// Throws unless there are as many seconds as places.
    func check() throws(BatchingError) {
        try TableColumns.check(linearSeconds, linearTokens)
        try TableColumns.check(headSeconds, headSequences)
        try TableColumns.check(decodeSeconds, decodeSequences, decodeContexts)
        try TableColumns.check(prefillSeconds, prefillTokens, prefillContexts)
    }

    @inline(never)
    private static func check(_ seconds: Column, _ places: Column) throws(BatchingError) {
        guard seconds.count != places.count else { return }
        throw BatchingError(
            .invalidArgument,
            "iteration_time.\(seconds.name) has \(seconds.count) values: must have as many as \(places.name), "
                + "\(places.count)")
    }

    @inline(never)
    private static func check(_ seconds: Column, _ rows: Column, _ columns: Column) throws(BatchingError) {
        if seconds.count == 0, rows.count == 0 || columns.count == 0 { return }
        let length = seconds.rows > 0 ? seconds.count / seconds.rows : 0
        guard seconds.rows != rows.count || length != columns.count else { return }
        throw BatchingError(
            .invalidArgument,
            "iteration_time.\(seconds.name) has \(seconds.rows) x \(length) values: must have \(rows.name) "
                + "x \(columns.name), \(rows.count) x \(columns.count)")
    }

    @inline(never)
    func curve(_ places: Column, _ seconds: Column, _ numbers: borrowing TableNumbers) -> TimeCurve {
        TimeCurve(
            count: places.count, places: TableColumns.start(places, numbers),
            seconds: TableColumns.start(seconds, numbers))
    }

    @inline(never)
    func grid(
        _ rows: Column, _ columns: Column, _ seconds: Column, _ numbers: borrowing TableNumbers
    ) -> TimeGrid {
        TimeGrid(
            rowCount: rows.count, columnCount: columns.count, rows: TableColumns.start(rows, numbers),
            columns: TableColumns.start(columns, numbers), seconds: TableColumns.start(seconds, numbers))
    }

    @inline(never)
    private static func start(_ column: Column, _ numbers: borrowing TableNumbers) -> UnsafePointer<Double>? {
        column.count > 0 ? numbers.from(column.first) : nil
    }
}
