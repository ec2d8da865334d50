/// The iterations of a simulated run: when each ran, and what had been computed up to each.
struct CalibrationSchedule: ~Copyable {
    private var rows: GrowableBuffer<Row>
    private var count = 0
    private var total = Terms.zero
    private var idle = 0.0
    private(set) var failed = false

    /// One iteration, and all before it.
    private struct Row: BitwiseCopyable {
        /// When it was decided what it computes.
        var scheduled: Double
        var start: Double
        var end: Double
        /// Seconds before it in which nothing ran.
        var idle: Double
        var work: Terms
        var before: Terms
    }

    /// So much work was done in a span, and so many seconds were taken by what no coefficient explains.
    struct Share {
        var work: Terms
        var known: Double
    }

    init() throws(BatchingError) {
        rows = try GrowableBuffer(capacity: 1024)
    }

    mutating func begin() {
        (count, total, idle, failed) = (0, .zero, 0, false)
    }

    /// An iteration was scheduled at `work.time`, and takes so long.
    mutating func append(_ work: IterationWork, seconds: Double) throws(BatchingError) {
        try rows.reserve(count + 1)
        let previous = count > 0 ? rows.elements[count - 1].end : 0
        let start = max(work.time.seconds, previous)
        idle += start - previous
        let terms = Terms(work)
        rows.elements[count] = Row(
            scheduled: work.time.seconds, start: start, end: start + seconds, idle: idle, work: terms, before: total)
        total = total.combined(terms, +)
        count += 1
    }

    /// What had been done by a time; of the iteration under way in proportion.
    /// - Parameter startup: seconds that the first took longer.
    private func done(by time: Double, startup: Double) -> Share {
        // The first that ends at or after it, or the last.
        var (first, last) = (0, count - 1)
        while first < last {
            let middle = (first + last) / 2
            if rows.elements[middle].end < time - 1e-9 { first = middle + 1 } else { last = middle }
        }
        let row = rows.elements[first]
        let length = row.end - row.start
        let share = length > 0 ? min(max((time - row.start) / length, 0), 1) : 0
        var known = row.idle - max(row.start - time, 0)
        let initial = rows.elements[0]
        if startup > 0, initial.end > initial.start {
            known += startup * min(max((time - initial.start) / (initial.end - initial.start), 0), 1)
        }
        return Share(work: row.before.combined(row.work) { $0 + share * $1 }, known: known)
    }

    /// The same between two times.
    func done(from start: Double, to end: Double, startup: Double) -> Share {
        guard count > 0, end > start else { return Share(work: .zero, known: 0) }
        let (first, last) = (done(by: start, startup: startup), done(by: end, startup: startup))
        return Share(work: last.work.combined(first.work, -), known: last.known - first.known)
    }
    /// Whether a request that arrived then was admitted by the first iteration that was scheduled from then on.
    func admitsAtOnce(arrival: Double, admitted: Double) -> Bool {
        var (first, last) = (0, count)
        while first < last {
            let middle = (first &+ last) / 2
            if rows.elements[middle].scheduled < arrival - 1e-9 { first = middle &+ 1 } else { last = middle }
        }
        return first < count && admitted <= rows.elements[first].scheduled + 1e-9
    }
}
