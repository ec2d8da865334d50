/// Where the load is written as it changes: columns of the caller, one row an interval. nil is not wanted.
public struct LoadTimeline {
    let capacity: Int
    /// So many intervals of equal length; 0: one for each change.
    let bins: Int64
    let time: UnsafeMutablePointer<Double>?
    let running: UnsafeMutablePointer<Double>?
    let waiting: UnsafeMutablePointer<Double>?
    let tokens: UnsafeMutablePointer<Double>?
    let peakRunning: UnsafeMutablePointer<Int64>?
    let peakWaiting: UnsafeMutablePointer<Int64>?
    let peakTokens: UnsafeMutablePointer<Int64>?
    /// Whether rows are to be kept, and not only counted.
    var keepsRows: Bool {
        time != nil || running != nil || waiting != nil || tokens != nil || peakRunning != nil || peakWaiting != nil
            || peakTokens != nil
    }
    /// Rows in all, kept or not.
    public internal(set) var count: Int64 = 0

    /// - Parameters:
    ///   - capacity: elements of each column; rows beyond are counted, but not kept.
    ///   - time: seconds at which the interval begins.
    ///   - running: the mean over the interval; so are the next two.
    ///   - peakRunning: the most at any instant of it; so are the next two.
    public init(
        capacity: Int, bins: Int64, time: UnsafeMutablePointer<Double>? = nil,
        running: UnsafeMutablePointer<Double>? = nil, waiting: UnsafeMutablePointer<Double>? = nil,
        tokens: UnsafeMutablePointer<Double>? = nil, peakRunning: UnsafeMutablePointer<Int64>? = nil,
        peakWaiting: UnsafeMutablePointer<Int64>? = nil, peakTokens: UnsafeMutablePointer<Int64>? = nil
    ) {
        self.capacity = capacity
        self.bins = bins
        self.time = time
        self.running = running
        self.waiting = waiting
        self.tokens = tokens
        self.peakRunning = peakRunning
        self.peakWaiting = peakWaiting
        self.peakTokens = peakTokens
    }
}

/// Takes the stretches of time in which nothing changes, in order, without gaps.
protocol LoadSink {
    /// - Parameter end: after `start`.
    mutating func add(_ state: LoadState, from start: Int64, to end: Int64)
    /// Rows so far.
    var rows: Int64 { get }
    /// Up to when a stretch may go on, so that it is no more than a piece of work.
    var reach: Int64 { get }
}

struct NoTimeline: LoadSink {
    @inline(__always)
    mutating func add(_ state: LoadState, from start: Int64, to end: Int64) {}

    var rows: Int64 = 0
    var reach: Int64 { .max }
}

/// A row for each change.
struct ChangesTimeline: LoadSink {
    private let timeline: LoadTimeline
    private(set) var rows: Int64 = 0
    var reach: Int64 { .max }
    private var last = LoadState()

    init(_ timeline: LoadTimeline) {
        self.timeline = timeline
    }

    @inline(__always)
    mutating func add(_ state: LoadState, from start: Int64, to end: Int64) {
        if rows > 0, state.running == last.running, state.waiting == last.waiting, state.tokens == last.tokens {
            return
        }
        last = state
        let row = Int(rows)
        if row < timeline.capacity {
            timeline.time?[row] = Nanoseconds(start).seconds
            timeline.running?[row] = Double(state.running)
            timeline.waiting?[row] = Double(state.waiting)
            timeline.tokens?[row] = Double(state.tokens)
            timeline.peakRunning?[row] = state.running
            timeline.peakWaiting?[row] = state.waiting
            timeline.peakTokens?[row] = state.tokens
        }
        rows &+= 1
    }
}

/// A row for each of equally long parts of the window.
struct BinnedTimeline: LoadSink {
    private let timeline: LoadTimeline
    private let window: LoadWindow
    private(set) var reach: Int64
    /// The bin under way.
    private var bin: Int64 = 0
    private var binStart: Int64
    private var binEnd: Int64
    /// Requests, or tokens, x nanoseconds of the bin so far.
    private var running: UInt128 = 0
    private var waiting: UInt128 = 0
    private var tokens: UInt128 = 0
    private var most = LoadState()

    init(_ timeline: LoadTimeline, _ window: LoadWindow) throws(BatchingError) {
        let length = window.end - window.start
        guard length == 0 || timeline.bins <= length else {
            throw .invalid("timeline.bins", timeline.bins, "must be at most the nanoseconds of the window, \(length)")
        }
        guard timeline.bins <= timeline.capacity else {
            throw BatchingError(
                .capacity,
                "timeline.capacity is \(timeline.capacity): must be at least timeline.bins, which is \(timeline.bins)")
        }
        self.timeline = timeline
        self.window = window
        binStart = window.start
        binEnd = window.start
        reach = window.start
        binEnd = edge(1)
        reach = edge(min(Int64(Work.piece), timeline.bins))
    }

    var rows: Int64 { bin }
    /// Rows in the end.
    var allRows: Int64 { window.end == window.start ? 0 : timeline.bins }

    /// Where a bin begins: rounded down to whole nanoseconds.
    @inline(__always)
    private func edge(_ bin: Int64) -> Int64 {
        let (high, low) = bin.multipliedFullWidth(by: window.end &- window.start)
        return window.start &+ timeline.bins.dividingFullWidth((high, low)).quotient
    }

    @inline(__always)
    mutating func add(_ state: LoadState, from start: Int64, to end: Int64) {
        var start = start
        while start < end {
            let part = min(end, binEnd)
            let length = UInt128(truncatingIfNeeded: part &- start)
            running &+= UInt128(truncatingIfNeeded: state.running) &* length
            waiting &+= UInt128(truncatingIfNeeded: state.waiting) &* length
            tokens &+= UInt128(truncatingIfNeeded: state.tokens) &* length
            most.running = max(most.running, state.running)
            most.waiting = max(most.waiting, state.waiting)
            most.tokens = max(most.tokens, state.tokens)
            start = part
            if part == binEnd { writeBin() }
        }
    }

    private mutating func writeBin() {
        let row = Int(bin)
        let length = Double(binEnd &- binStart)
        timeline.time?[row] = Nanoseconds(binStart).seconds
        timeline.running?[row] = Double(running) / length
        timeline.waiting?[row] = Double(waiting) / length
        timeline.tokens?[row] = Double(tokens) / length
        timeline.peakRunning?[row] = most.running
        timeline.peakWaiting?[row] = most.waiting
        timeline.peakTokens?[row] = most.tokens
        (running, waiting, tokens, most) = (0, 0, 0, LoadState())
        bin &+= 1
        binStart = binEnd
        binEnd = bin < timeline.bins ? edge(bin &+ 1) : Int64.max
        if binStart == reach { reach = edge(min(bin &+ Int64(Work.piece), timeline.bins)) }
    }
}
