/// What a fit is made to, as columns of the caller: see `batching_live_calibration_log` in the C header. nil: not wanted.
public struct LiveCalibrationLogColumns {
    /// Elements in each column but the hash ids, and one more in their offsets.
    public var capacity = 0
    /// Elements in `hashIDs`.
    public var hashCapacity = 0
    /// The id of each request.
    public var request: UnsafeMutablePointer<Int64>?
    /// Tokens.
    public var promptLength: UnsafeMutablePointer<Int32>?
    /// Tokens: generated, or expected.
    public var outputLength: UnsafeMutablePointer<Int32>?
    /// Seconds, from the earliest on.
    public var arrivalTime: UnsafeMutablePointer<Double>?
    /// Seconds; not-a-number where it did not fail.
    public var abortTime: UnsafeMutablePointer<Double>?
    /// Seconds; not-a-number where it is not compared.
    public var firstTokenTime: UnsafeMutablePointer<Double>?
    /// Seconds; not-a-number where it is not compared.
    public var endTime: UnsafeMutablePointer<Double>?
    /// 1 where it is compared, or 0.
    public var success: UnsafeMutablePointer<UInt8>?
    /// Where in `hashIDs` those of each begin; and where the last end.
    public var hashOffsets: UnsafeMutablePointer<Int64>?
    /// Those of all, one after the other.
    public var hashIDs: UnsafeMutablePointer<Int64>?

    /// None is wanted.
    public init() {}

    var wantsRows: Bool {
        request != nil || promptLength != nil || outputLength != nil || arrivalTime != nil || abortTime != nil
            || firstTokenTime != nil || endTime != nil || success != nil || hashOffsets != nil
    }
}

extension LiveCalibration {
    /// Requests that a fit simulates.
    public var count: Int {
        // Not to be copied for it.
        mutating get { rows.inFlight &+ rows.ended }
    }
    /// Their hash ids.
    public var hashCount: Int {
        mutating get { rows.hashes.count }
    }

    /// Writes what a fit is made to, in order of arrival. Throws if a column is too small.
    /// - Returns: seconds: the earliest arrival, where the clock of what is written is 0; nil: there are no requests.
    @discardableResult
    public mutating func writeLog(to columns: LiveCalibrationLogColumns) throws(BatchingError) -> Double? {
        guard !columns.wantsRows || columns.capacity >= count else {
            throw BatchingError(.capacity, "log.capacity is \(columns.capacity): must be at least \(count)")
        }
        guard columns.hashIDs == nil || columns.hashCapacity >= hashCount else {
            throw BatchingError(
                .capacity, "log.hash_capacity is \(columns.hashCapacity): must be at least \(hashCount)")
        }
        let order = try ScratchBuffer<UInt32>(uninitialized: count)
        let elements = rows.elements
        var found = 0
        // Of those that finished.
        var tokens: Int64 = 0
        for row in 0..<rows.used where elements[row].state != .free {
            try Work.row(row)
            order.elements[found] = UInt32(truncatingIfNeeded: row)
            found &+= 1
            if elements[row].state == .finished { tokens &+= Int64(elements[row].output) }
        }
        try Heap.sort(order.elements, count: found, step: Work.row) { left, right in
            let (left, right) = (elements[Int(left)], elements[Int(right)])
            return left.arrival == right.arrival ? left.rank < right.rank : left.arrival < right.arrival
        }
        columns.hashOffsets?[0] = 0
        if found == 0 { return nil }
        let first = elements[Int(order.elements[0])].arrival
        let expected = LiveCalibration.mean(tokens, of: Int64(rows.finished))
        var hashes = 0
        for place in 0..<found {
            try Work.row(place)
            let row = Int(order.elements[place])
            write(elements[row], expected: expected, from: first, to: columns, place)
            let ids = columns.hashIDs == nil ? nil : columns.hashIDs.unsafelyUnwrapped + hashes
            hashes &+= try rows.hashes.copy(row: row, to: ids)
            columns.hashOffsets?[place &+ 1] = Int64(hashes)
        }
        return Nanoseconds(first).seconds
    }

    private func write(
        _ request: LiveCalibrationRow, expected: Int32, from first: Int64, to columns: LiveCalibrationLogColumns,
        _ place: Int
    ) {
        func seconds(_ time: Int64) -> Double { Nanoseconds(time &- first).seconds }
        let isCompared = counts(request)
        columns.request?[place] = request.id
        columns.promptLength?[place] = request.prompt
        columns.outputLength?[place] = request.output == 0 ? expected : request.output
        columns.arrivalTime?[place] = seconds(request.arrival)
        columns.abortTime?[place] = request.state == .failed ? seconds(request.end) : .nan
        columns.firstTokenTime?[place] = isCompared ? seconds(request.firstToken) : .nan
        columns.endTime?[place] = isCompared ? seconds(request.end) : .nan
        columns.success?[place] = isCompared ? 1 : 0
    }

    /// To the nearest, ties to even; at least 1.
    private static func mean(_ sum: Int64, of count: Int64) -> Int32 {
        if count == 0 { return 1 }
        let (whole, rest) = sum.quotientAndRemainder(dividingBy: count)
        let roundsUp = 2 &* rest > count || (2 &* rest == count && whole & 1 == 1)
        return Int32(truncatingIfNeeded: max(1, whole &+ (roundsUp ? 1 : 0)))
    }

    /// Calibrates on what is kept.
    /// - Parameters:
    ///   - simulations: the most; nil: as configured.
    ///   - onProgress: called after each simulation; answers whether what was found is enough; throws to stop. nil: as
    ///     configured.
    public mutating func fit(
        simulations: Int64? = nil,
        onProgress: ((CalibrationProgress) throws(BatchingError) -> Bool)? = nil
    ) throws(BatchingError) -> CalibrationResult {
        guard let onProgress else { return try fit(simulations: simulations, callback: nil) }
        return try fit(
            simulations: simulations,
            callback: CalibrationCallback(.none) { (progress, _) throws(BatchingError) in try onProgress(progress) })
    }

    package mutating func fit(
        simulations: Int64?, callback: CalibrationCallback?
    ) throws(BatchingError) -> CalibrationResult {
        var configuration = configuration
        if let simulations {
            guard simulations >= 1 else { throw .invalid("simulations", simulations, "must be at least 1") }
            configuration.simulations = simulations
        }
        if let callback { configuration.callback = callback }
        let counting = try observe().counting
        guard counting >= LiveCalibration.fewest else {
            throw .invalid(
                "counting", counting, "must be at least \(LiveCalibration.fewest), or there is too little to fit to")
        }
        let (count, hashCount) = (count, hashCount)
        let prompt = try ScratchBuffer<Int32>(uninitialized: count)
        let output = try ScratchBuffer<Int32>(uninitialized: count)
        let arrival = try ScratchBuffer<Double>(uninitialized: count)
        let abort = try ScratchBuffer<Double>(uninitialized: count)
        let firstToken = try ScratchBuffer<Double>(uninitialized: count)
        let end = try ScratchBuffer<Double>(uninitialized: count)
        let success = try ScratchBuffer<UInt8>(uninitialized: count)
        let hashOffsets = try ScratchBuffer<Int64>(uninitialized: count &+ 1)
        let hashIDs = try ScratchBuffer<Int64>(uninitialized: hashCount)
        var columns = LiveCalibrationLogColumns()
        (columns.capacity, columns.hashCapacity) = (count, hashCount)
        (columns.promptLength, columns.outputLength) = (prompt.elements, output.elements)
        (columns.arrivalTime, columns.abortTime) = (arrival.elements, abort.elements)
        (columns.firstTokenTime, columns.endTime) = (firstToken.elements, end.elements)
        (columns.success, columns.hashOffsets, columns.hashIDs) = (
            success.elements, hashOffsets.elements, hashIDs.elements
        )
        try writeLog(to: columns)
        var recorded = RecordedColumns(count: count, endTime: end.elements, outputLength: output.elements)
        recorded.firstTokenTime = UnsafePointer(firstToken.elements)
        recorded.success = UnsafePointer(success.elements)
        let requests = RequestColumns(
            count: count, promptLength: prompt.elements, outputLength: output.elements, arrivalTime: arrival.elements,
            prefixHashes: hashCount == 0
                ? nil : PrefixHashes(ids: hashIDs.elements, offsets: hashOffsets.elements),
            abortTime: rows.failed == 0 ? nil : UnsafePointer(abort.elements))
        return try Calibration.fit(requests, recorded, configuration)
    }
}
