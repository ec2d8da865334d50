/// A table, as it is asked: between measured places a straight line. See "Engine: iteration times" in the C header.
struct TableFormula: BitwiseCopyable {
    private let linear: Curve
    private let head: Curve
    private let decode: Grid
    private let prefill: Grid
    private let perIteration: Double
    private let perSequence: Double
    private let perPrefillIteration: Double

    init(_ time: TableTime) {
        linear = Curve(time.linear, scale: time.linearScale)
        head = Curve(time.head, scale: time.headScale)
        decode = Grid(time.decode, scale: time.decodeScale)
        prefill = Grid(time.prefill, scale: time.prefillScale)
        perIteration = time.perIteration
        perSequence = time.perSequence
        perPrefillIteration = time.perPrefillIteration
    }

    /// Seconds of all but attention.
    @inline(__always)
    private func withoutAttention(tokens: Int64, sequences: Int64, _ memory: TableMemory) -> Double {
        linear.seconds(at: tokens, memory.linear) + head.seconds(at: sequences, memory.head)
            + (perIteration + perSequence * Double(sequences))
    }

    /// What is the same wherever so many sequences decode, and nothing else happens: all but attention.
    @inline(__always)
    func decodeBase(_ sequences: Int64, _ memory: TableMemory) -> Double {
        withoutAttention(tokens: sequences, sequences: sequences, memory)
    }

    /// The line on which it is for the contexts that decode, with all but prefill attention in its base.
    @inline(__always)
    func line(_ base: Double, decodes: Int64, context: Int64, _ memory: TableMemory) -> LinearTime {
        decode.line(base: base, sequences: decodes, context: Double(context), memory.hints)
    }

    /// Seconds, as the header has them, in this order.
    @inline(__always)
    func seconds(_ work: IterationWork, _ memory: TableMemory) -> Double {
        let sequences = work.decodeTokens &+ work.prefillChunks
        var base = withoutAttention(tokens: work.prefillTokens &+ work.decodeTokens, sequences: sequences, memory)
        if work.prefillTokens > 0 { base += perPrefillIteration }
        let decodes = line(base, decodes: work.decodeTokens, context: work.contextTokens, memory)
        let seconds = decodes.seconds(context: work.contextTokens)
        guard work.prefillTokens > 0, prefill.hasPlaces else { return seconds }
        return seconds
            + prefill.seconds(
                tokens: Double(work.prefillTokens), chunks: Double(work.prefillChunks), context: work.prefillContext,
                memory.hints)
    }
}

/// Where something is on an axis: behind which place, and how far from there to the next, 0...1. Below the first it is at
/// that, and beyond the last at that.
struct AxisPlace: BitwiseCopyable {
    var index = 0
    var share = 0.0

    init() {}

    /// - Parameter hint: near which place it may be.
    @inline(__always)
    init(_ value: Double, _ places: UnsafePointer<Double>, _ count: Int, _ hint: UnsafeMutablePointer<Int>) {
        if value <= places[0] { return }
        guard value < places[count &- 1] else {
            index = count &- 1
            return
        }
        index = lastIndex(of: places, count, notAbove: value, hint)
        share = (value - places[index]) / (places[index &+ 1] - places[index])
    }
}

/// The last of places that rise which is not above a value.
/// - Parameters:
///   - count: at least 2.
///   - value: not below the first of them.
///   - hint: what was found before; most often it is the same again.
@inline(__always)
private func lastIndex(
    of places: UnsafePointer<Double>, _ count: Int, notAbove value: Double, _ hint: UnsafeMutablePointer<Int>
) -> Int {
    let near = hint.pointee
    if places[near] <= value, value < places[near &+ 1] { return near }
    return search(places, count, value, hint)
}

@inline(never)
private func search(
    _ places: UnsafePointer<Double>, _ count: Int, _ value: Double, _ hint: UnsafeMutablePointer<Int>
) -> Int {
    // As many steps for each value, without a branch that depends on it.
    var (first, length) = (0, count)
    while length > 1 {
        let half = length &>> 1
        first = places[first &+ half] <= value ? first &+ half : first
        length &-= half
    }
    hint.pointee = min(first, count &- 2)
    return first
}

private struct Curve: BitwiseCopyable {
    private let places: UnsafePointer<Double>?
    private let values: UnsafePointer<Double>?
    private let count: Int
    private let scale: Double

    init(_ curve: TimeCurve, scale: Double) {
        (places, values, count) = (curve.places, curve.seconds, curve.count)
        self.scale = scale
    }

    @inline(__always)
    func seconds(at place: Int64, _ known: KnownSeconds) -> Double {
        if let seconds = known[place] { return seconds }
        return computed(at: place, known)
    }

    @inline(never)
    private func computed(at place: Int64, _ known: KnownSeconds) -> Double {
        let seconds = interpolated(Double(place))
        known.note(seconds, at: place)
        return seconds
    }

    private func interpolated(_ place: Double) -> Double {
        guard count > 0, let places, let values else { return 0 }
        if place <= places[0] || count == 1 { return scale * values[0] }
        var near = 0
        let index = min(lastIndex(of: places, count, notAbove: place, &near), count &- 2)
        let rise = (values[index &+ 1] - values[index]) / (places[index &+ 1] - places[index])
        return scale * (values[index] + rise * (place - places[index]))
    }
}

private struct Grid: BitwiseCopyable {
    private let rows: UnsafePointer<Double>
    private let columns: UnsafePointer<Double>
    private let values: UnsafePointer<Double>
    private let rowCount: Int
    private let columnCount: Int
    private let scale: Double

    init(_ grid: TimeGrid, scale: Double) {
        let nothing = UnsafePointer(ScratchBuffer<Double>.nothing)
        rows = grid.rows ?? nothing
        columns = grid.columns ?? nothing
        values = grid.seconds ?? nothing
        (rowCount, columnCount) = (grid.rowCount, grid.columnCount)
        self.scale = scale
    }

    var hasPlaces: Bool { rowCount > 0 }

    /// Seconds in one column, between the rows.
    @inline(__always)
    private func value(_ row: AxisPlace, _ column: Int) -> Double {
        let low = values[row.index &* columnCount &+ column]
        if row.share == 0 { return low }
        return low + row.share * (values[(row.index &+ 1) &* columnCount &+ column] - low)
    }

    @inline(always)
    private func seconds(row: Double, column: Double, _ hints: UnsafeMutablePointer<TableHints>) -> Double {
        let row = AxisPlace(row, rows, rowCount, &hints.pointee.prefillRow)
        let last = columns[columnCount &- 1]
        if column >= last {
            let low = value(row, columnCount &- 1)
            return last > 0 ? scale * (column / last * low) : scale * low
        }
        let place = AxisPlace(column, columns, columnCount, &hints.pointee.prefillColumn)
        let low = value(row, place.index)
        if place.share == 0 { return scale * low }
        return scale * (low + place.share * (value(row, place.index &+ 1) - low))
    }

    /// All chunks as one of as many tokens, with as many pairs of a token and one that it attends to.
    /// - Parameter context: over the chunks, the sum of tokens x context.
    @inline(always)
    func seconds(
        tokens: Double, chunks: Double, context: Double, _ hints: UnsafeMutablePointer<TableHints>
    ) -> Double {
        let pairs = max(context - tokens * tokens / (2 * chunks), 0)
        let size = min(tokens, rows[rowCount &- 1])
        let pieces = size < tokens ? tokens / size : 1
        let before = pairs / tokens - size / 2
        let seconds = seconds(row: size, column: max(before, 0), hints)
        if before >= 0 { return pieces * seconds }
        // Several chunks with little before them have fewer pairs than one.
        let first = scale * values[0]
        return pieces * (first + (seconds - first) * (pairs / (tokens * size / 2)))
    }

    /// The line on which it is for rows of sequences, and columns of the sum of their contexts.
    /// - Parameter base: seconds beside it.
    @inline(__always)
    func line(base: Double, sequences: Int64, context: Double, _ hints: UnsafeMutablePointer<TableHints>) -> LinearTime
    {
        guard rowCount > 0, sequences > 0 else { return LinearTime(base: base, perContextToken: 0) }
        if sequences != hints.pointee.decodes {
            var near = max(0, min(hints.pointee.decodeRow.index, rowCount &- 2))
            hints.pointee.decodes = sequences
            hints.pointee.decodeRow = AxisPlace(Double(sequences), rows, rowCount, &near)
        }
        let row = hints.pointee.decodeRow
        let last = columns[columnCount &- 1]
        if context >= last {
            return LinearTime(base: base, perContextToken: scale * value(row, columnCount &- 1) / last)
        }
        if context < columns[0] {
            return LinearTime(base: base + scale * value(row, 0), perContextToken: 0, edge: columns[0])
        }
        let index = lastIndex(of: columns, columnCount, notAbove: context, &hints.pointee.decodeColumn)
        let low = value(row, index)
        let rise = scale * (value(row, index &+ 1) - low) / (columns[index &+ 1] - columns[index])
        return LinearTime(
            base: base + (scale * low - rise * columns[index]), perContextToken: rise, edge: columns[index &+ 1])
    }
}

/// Where on each axis it was asked last.
struct TableHints: BitwiseCopyable {
    /// Sequences, and their row.
    var decodes: Int64 = 0
    var decodeRow = AxisPlace()
    var decodeColumn = 0
    var prefillRow = 0
    var prefillColumn = 0
}

/// Seconds of whole numbers that were asked before.
struct KnownSeconds: BitwiseCopyable {
    /// Not-a-number: it was not asked yet.
    let seconds: UnsafeMutablePointer<Double>
    let count: Int64

    @inline(__always)
    subscript(place: Int64) -> Double? {
        guard place < count else { return nil }
        let known = seconds[Int(truncatingIfNeeded: place)]
        return known.isNaN ? nil : known
    }

    @inline(__always)
    func note(_ value: Double, at place: Int64) {
        if place < count { seconds[Int(truncatingIfNeeded: place)] = value }
    }
}

/// What a table need not look for again.
struct TableMemory: BitwiseCopyable {
    let hints: UnsafeMutablePointer<TableHints>
    let linear: KnownSeconds
    let head: KnownSeconds
}
