/// Measured seconds of the parts of iterations. The fields are those of `batching_time_table` in the C header, which has the
/// formula. The columns are borrowed for the call that they are given to; a live engine copies them.
public struct TableTime {
    /// Over tokens: all linear layers, and all else that each token costs.
    public var linear = TimeCurve()
    /// Over sequences that sample: output head and sampling.
    public var head = TimeCurve()
    /// Over sequences that decode and the sum of their contexts: decode attention.
    public var decode = TimeGrid()
    /// Over the tokens of a chunk and those before it: prefill attention.
    public var prefill = TimeGrid()
    /// What the seconds of linear are multiplied by.
    public var linearScale = 1.0
    /// What the seconds of head are multiplied by.
    public var headScale = 1.0
    /// What the seconds of decode are multiplied by.
    public var decodeScale = 1.0
    /// What the seconds of prefill are multiplied by.
    public var prefillScale = 1.0
    /// Seconds of each iteration.
    public var perIteration = 0.0
    /// Seconds of each sequence or chunk that is scheduled.
    public var perSequence = 0.0
    /// Seconds of each iteration that has a prefill chunk.
    public var perPrefillIteration = 0.0

    /// Nothing was measured.
    public init() {}

    /// Each number that is no column, and what the C header calls it.
    mutating func visitNumbers<Failure: Error>(
        _ body: (inout Double, StaticString) throws(Failure) -> Void
    ) throws(Failure) {
        try body(&linearScale, "linear_scale")
        try body(&headScale, "head_scale")
        try body(&decodeScale, "decode_scale")
        try body(&prefillScale, "prefill_scale")
        try body(&perIteration, "per_iteration")
        try body(&perSequence, "per_sequence")
        try body(&perPrefillIteration, "per_prefill_iteration")
    }

    /// Each column, and how many values it has.
    fileprivate mutating func visitColumns<Failure: Error>(
        _ body: (inout UnsafePointer<Double>?, Int) throws(Failure) -> Void
    ) throws(Failure) {
        try body(&linear.places, linear.count)
        try body(&linear.seconds, linear.count)
        try body(&head.places, head.count)
        try body(&head.seconds, head.count)
        try body(&decode.rows, decode.rowCount)
        try body(&decode.columns, decode.columnCount)
        try body(&decode.seconds, decode.valueCount)
        try body(&prefill.rows, prefill.rowCount)
        try body(&prefill.columns, prefill.columnCount)
        try body(&prefill.seconds, prefill.valueCount)
    }

    private static var decodeNames: TimeColumnNames {
        TimeColumnNames(
            counts: ("decode_sequence_count", "decode_context_count"), places: ("decode_sequences", "decode_contexts"),
            seconds: "decode_seconds")
    }
    private static var prefillNames: TimeColumnNames {
        TimeColumnNames(
            counts: ("prefill_token_count", "prefill_context_count"), places: ("prefill_tokens", "prefill_contexts"),
            seconds: "prefill_seconds")
    }

    /// Throws unless every value is in its range, and none falls.
    /// - Complexity: O(values).
    func check() throws(BatchingError) {
        try linear.check("linear_count", "linear_tokens", "linear_seconds")
        try head.check("head_count", "head_sequences", "head_seconds")
        try decode.check(TableTime.decodeNames)
        try prefill.check(TableTime.prefillNames)
        if let contexts = decode.columns, decode.columnCount > 0, contexts[0] == 0 {
            throw .invalid("time_table.decode_contexts", 0, contexts[0], "must be above 0")
        }
        var numbers = self
        try numbers.visitNumbers { (value, name) throws(BatchingError) in
            guard Nanoseconds.holds(value) else {
                throw .invalid("time_table.\(name)", value, "must be between 0 and 9223372036")
            }
        }
    }

    /// Writes it; or reads it, into a storage that it then points to.
    mutating func code<Coder: ByteCoder>(_ coder: inout Coder, _ storage: inout TableStorage) throws(BatchingError) {
        try visitNumbers { (value, _) throws(BatchingError) in try coder.code(bits: &value) }
        try coder.code(&linear.count, from: 0, to: TimeGrid.mostPlaces)
        try coder.code(&head.count, from: 0, to: TimeGrid.mostPlaces)
        try coder.code(&decode.rowCount, from: 0, to: TimeGrid.mostPlaces)
        try coder.code(&decode.columnCount, from: 0, to: TimeGrid.mostPlaces)
        try coder.code(&prefill.rowCount, from: 0, to: TimeGrid.mostPlaces)
        try coder.code(&prefill.columnCount, from: 0, to: TimeGrid.mostPlaces)
        if Coder.isReader {
            try decode.checkSize(TableTime.decodeNames)
            try prefill.checkSize(TableTime.prefillNames)
            try coder.expect(bytes: valueCount &* MemoryLayout<Double>.size)
            try storage.makeRoom(&self)
        }
        try visitColumns { (column, count) throws(BatchingError) in
            guard let column else { return }
            for index in 0..<count {
                try Work.row(index)
                var value = column[index]
                try coder.code(bits: &value)
                if Coder.isReader { UnsafeMutablePointer(mutating: column)[index] = value }
            }
        }
    }

    /// Values in all columns.
    fileprivate var valueCount: Int {
        2 &* (linear.count &+ head.count) &+ decode.rowCount &+ decode.columnCount &+ decode.valueCount
            &+ prefill.rowCount &+ prefill.columnCount &+ prefill.valueCount
    }
}

/// The columns of a table that outlives the call that it came with.
struct TableStorage: ~Copyable {
    private var values: GrowableBuffer<Double>

    init() throws(BatchingError) {
        values = try GrowableBuffer(capacity: 0)
    }

    /// Copies what a model points to, and points it to the copies.
    static func copying(_ time: inout IterationTime) throws(BatchingError) -> TableStorage {
        var storage = try TableStorage()
        guard case .table(var table) = time else { return storage }
        try storage.values.reserve(table.valueCount)
        var place = storage.values.elements
        try table.visitColumns { (column, count) throws(BatchingError) in
            guard let source = column else { return }
            try place.copy(source, count: count)
            column = UnsafePointer(place)
            place += count
        }
        time = .table(table)
        return storage
    }

    /// Points a table to columns of 0.
    mutating func makeRoom(_ table: inout TableTime) throws(BatchingError) {
        let count = table.valueCount
        try values.reserve(count)
        try values.elements.fill(0, count: count)
        var place = values.elements
        table.visitColumns { (column, count) in
            column = count > 0 ? UnsafePointer(place) : nil
            place += count
        }
    }
}
