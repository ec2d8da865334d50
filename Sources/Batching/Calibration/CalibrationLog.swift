/// What counts of a log: how long requests decoded, and how long they took to their first token.
struct CalibrationLog: ~Copyable {
    /// From which error on a residual counts in proportion, and no longer as its square (Huber, 1964).
    static let bend = 0.05
    /// Seconds added to a TTFT in whose proportion its error counts.
    private static let ttftOffset = 0.3
    /// Fewer output tokens than these say too little of a decode.
    private static let fewestTokens: Int32 = 9

    let count: Int
    let arrival: UnsafePointer<Double>?
    private let firstToken: UnsafePointer<Double>
    private let end: UnsafePointer<Double>

    /// The requests whose decode counts, then those whose TTFT does.
    private let rows: ScratchBuffer<Int32>
    private(set) var decodeCount = 0
    private(set) var firstCount = 0
    let residuals: ScratchBuffer<Double>
    private let magnitudes: ScratchBuffer<Double>
    /// Of the run that was compared last.
    private(set) var figures = CalibrationFigures()

    /// - Parameters:
    ///   - recorded: as it was checked; its first tokens are there.
    ///   - until: what happened after it is not known, in seconds.
    init(
        _ recorded: RecordedColumns, firstToken: UnsafePointer<Double>, arrival: UnsafePointer<Double>?, until: Double
    ) throws(BatchingError) {
        let rows = try ScratchBuffer<Int32>(uninitialized: 2 * recorded.count)
        let residuals = try ScratchBuffer<Double>(uninitialized: 2 * recorded.count)
        let magnitudes = try ScratchBuffer<Double>(uninitialized: 2 * recorded.count)
        self.rows = rows
        self.residuals = residuals
        self.magnitudes = magnitudes
        count = recorded.count
        self.arrival = arrival
        self.firstToken = firstToken
        end = recorded.endTime
        for row in 0..<count where recorded.succeeded(row) && recorded.outputLength[row] >= CalibrationLog.fewestTokens
        {
            if end[row] <= until, end[row] > firstToken[row] {
                self.rows.elements[decodeCount] = Int32(row)
                decodeCount += 1
            }
        }
        for row in 0..<count where recorded.succeeded(row) && firstToken[row] <= until {
            if firstToken[row] >= arrivalTime(row) {
                self.rows.elements[decodeCount + firstCount] = Int32(row)
                firstCount += 1
            }
        }
    }

    var residualCount: Int { decodeCount + firstCount }

    /// Whether not all spans of a kind are as long.
    var varies: Bool {
        func measured(_ index: Int) -> Double { span(index, firstToken: firstToken, end: end).measured }
        for index in 0..<residualCount where measured(index) != measured(index < decodeCount ? 0 : decodeCount) {
            return true
        }
        return false
    }

    @inline(__always)
    private func arrivalTime(_ row: Int) -> Double { arrival?[row] ?? 0 }

    /// Where a residual's span begins and ends in a run, how long it was in the log, and in proportion to what it counts.
    struct Span {
        var start: Double
        var end: Double
        var measured: Double
        var unit: Double
    }

    @inline(__always)
    func span(_ index: Int, firstToken first: UnsafePointer<Double>, end ends: UnsafePointer<Double>) -> Span {
        let row = Int(rows.elements[index])
        if index < decodeCount {
            let measured = end[row] - firstToken[row]
            return Span(start: first[row], end: ends[row], measured: measured, unit: measured)
        }
        let measured = firstToken[row] - arrivalTime(row)
        return Span(
            start: arrivalTime(row), end: first[row], measured: measured, unit: measured + CalibrationLog.ttftOffset)
    }

    /// The request whose span it is.
    @inline(__always)
    func row(_ index: Int) -> Int { Int(rows.elements[index]) }

    /// Seconds in whose proportion the error of a TTFT counts.
    @inline(__always)
    func unit(_ index: Int) -> Double {
        firstToken[row(index)] - arrivalTime(row(index)) + CalibrationLog.ttftOffset
    }

    /// Sets the residuals of a run: by how much of its unit each span is longer than in the log. One that never ended is
    /// long.
    /// - Parameter fitsDelay: whether each TTFT is longer by what makes the loss least.
    mutating func compare(
        firstToken first: UnsafePointer<Double>, end ends: UnsafePointer<Double>, fitsDelay: Bool
    ) throws(BatchingError) {
        var (ttft, e2e) = (Mean(), Mean())
        for index in 0..<residualCount {
            try Work.row(index)
            let span = span(index, firstToken: first, end: ends)
            let residual = (span.end - span.start - span.measured) / span.unit
            residuals.elements[index] = residual.isNaN ? 100 : residual
            if index < decodeCount {
                e2e.add(span.end - arrivalTime(row(index)))
            } else {
                ttft.add(span.end - span.start)
            }
        }
        let delay = fitsDelay ? try bestDelay() : 0
        if delay > 0 {
            for index in decodeCount..<residualCount {
                let residual = residuals.elements[index] + delay / unit(index)
                residuals.elements[index] = residual
            }
        }
        figures = CalibrationFigures(delay: delay, meanTTFT: ttft.value + delay, meanE2E: e2e.value + delay)
    }

    /// The sum over the residuals, in units of the bend.
    func loss() -> Double {
        var sum = 0.0
        for index in 0..<residualCount {
            let size = residuals.elements[index].magnitude
            sum +=
                size <= CalibrationLog.bend
                ? 0.5 * size * size : CalibrationLog.bend * (size - 0.5 * CalibrationLog.bend)
        }
        return sum / (CalibrationLog.bend * CalibrationLog.bend)
    }

    /// The standard deviation that normally distributed residuals with this median would have.
    func spread() -> Double {
        for index in 0..<residualCount { magnitudes.elements[index] = residuals.elements[index].magnitude }
        return 1.4826 * Selection.median(magnitudes.elements, residualCount)
    }
}
