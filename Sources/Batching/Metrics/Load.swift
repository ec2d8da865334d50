/// How loaded a server was over time: see batching_load_calculate in the C header.
public struct Load: Equatable, Sendable {
    /// Seconds: the beginning of what is looked at.
    public var windowStart = 0.0
    /// Seconds: the end of what is looked at.
    public var windowEnd = 0.0
    /// Those not left out.
    public var requests: Int64 = 0
    /// Requests running, averaged over the window.
    public var meanRunning = 0.0
    /// Requests waiting, averaged over the window.
    public var meanWaiting = 0.0
    /// Tokens in flight, averaged over the window.
    public var meanTokens = 0.0
    /// The most requests running at any instant of the window.
    public var peakRunning: Int64 = 0
    /// The most requests waiting.
    public var peakWaiting: Int64 = 0
    /// The most tokens in flight.
    public var peakTokens: Int64 = 0
    /// Share of the window in which anybody runs.
    public var utilization = 0.0
    /// Mean running over slots. Not-a-number without a number of slots, as the next two.
    public var slotUtilization = Double.nan
    /// Slots x seconds that were free while a request waited.
    public var unfilledSlotTime = Double.nan
    /// Share of slots x window that was held, or unfilled.
    public var wastedSlotShare = Double.nan
    /// Slots x seconds that requests held after their last token.
    public var heldSlotTime = 0.0
}

/// From when to when, and of how many slots.
public struct LoadConfig: Sendable {
    /// Seconds. nil: from the first arrival to the last end.
    public var window: (start: Double, end: Double)?
    /// nil: unknown.
    public var slots: Int64?

    /// The whole time, and an unknown number of slots.
    public init() {}
}

extension Load {
    /// - Parameters:
    ///   - columns: the requests, in any order.
    ///   - timeline: nil: not wanted. Its rows are counted in it.
    /// - Complexity: O(count), and O(1) for each bin of a timeline whose rows are kept. Columns of times that are not in
    ///   order cost a sort each, and 24 bytes a request while that lasts, 4 after it.
    public init(
        _ columns: ServedColumns, configuration: LoadConfig = LoadConfig(),
        timeline: inout LoadTimeline?
    ) throws(BatchingError) {
        if let slots = configuration.slots, slots < 1 { throw .invalid("slots", slots, "must be at least 1") }
        let survey = try LoadSurvey(columns)
        let window = try LoadWindow(configuration.window, survey)
        var load: Load
        switch timeline {
        case .none:
            load = try Load.sweep(columns, survey, window, configuration.slots, into: NoTimeline()).load
        case .some(let wanted) where wanted.bins > 0:
            let bins = try BinnedTimeline(wanted, window)
            timeline?.count = bins.allRows
            // Of rows that are not kept there may be any number.
            load =
                wanted.keepsRows
                ? try Load.sweep(columns, survey, window, configuration.slots, into: bins).load
                : try Load.sweep(columns, survey, window, configuration.slots, into: NoTimeline()).load
        case .some(let wanted):
            let swept = try Load.sweep(columns, survey, window, configuration.slots, into: ChangesTimeline(wanted))
            load = swept.load
            timeline?.count = swept.rows
        }
        load.windowStart = Nanoseconds(window.start).seconds
        load.windowEnd = Nanoseconds(window.end).seconds
        load.requests = survey.included
        self = load
    }

    /// The four columns together: between two events nothing changes.
    private static func sweep<Sink: LoadSink>(
        _ columns: ServedColumns, _ survey: LoadSurvey, _ window: LoadWindow, _ slots: Int64?, into sink: Sink
    ) throws(BatchingError) -> (load: Load, rows: Int64) {
        var sink = sink
        var arrivals = try EventCursor<ArrivalEvents>(columns, areInOrder: survey.arrivalsAreInOrder)
        var starts = try EventCursor<StartEvents>(columns, areInOrder: survey.startsAreInOrder)
        var lastTokens = try EventCursor<LastTokenEvents>(columns, areInOrder: survey.lastTokensAreInOrder)
        var ends = try EventCursor<EndEvents>(columns, areInOrder: survey.endsAreInOrder)
        var state = LoadState()
        var sums = LoadSums()
        var now = window.start
        var (changes, counted) = (0, Int64(0))
        while now < window.end {
            try Work.row(changes)
            changes &+= 1
            arrivals.advance(to: now, &state)
            starts.advance(to: now, &state)
            lastTokens.advance(to: now, &state)
            ends.advance(to: now, &state)
            let next = min(arrivals.next, starts.next, lastTokens.next, ends.next, window.end, sink.reach)
            sums.add(state, during: next &- now, slots: slots ?? 0)
            sink.add(state, from: now, to: next)
            if sink.rows &- counted >= Int64(Work.piece) {
                try Work.done(sink.rows &- counted)
                counted = sink.rows
            }
            now = next
        }
        return (sums.load(window.end &- window.start, slots: slots), sink.rows)
    }
}

/// Nanoseconds.
struct LoadWindow {
    let start: Int64
    let end: Int64

    init(_ given: (start: Double, end: Double)?, _ survey: LoadSurvey) throws(BatchingError) {
        guard let given else {
            start = survey.included == 0 ? 0 : survey.firstArrival
            end = survey.lastEnd
            return
        }
        start = try Nanoseconds(seconds: given.start, argument: "window_start").count
        end = try Nanoseconds(seconds: given.end, argument: "window_end").count
        guard end >= start else {
            throw .invalid(
                "window_end", given.end, "must not be before window_start, which is \(given.start)")
        }
    }
}

/// Requests, or tokens, x nanoseconds.
private struct LoadSums {
    private var running: UInt128 = 0
    private var waiting: UInt128 = 0
    private var tokens: UInt128 = 0
    private var held: UInt128 = 0
    private var unfilled: UInt128 = 0
    private var busy: Int64 = 0
    private var most = LoadState()

    @inline(__always)
    mutating func add(_ state: LoadState, during length: Int64, slots: Int64) {
        let length128 = UInt128(truncatingIfNeeded: length)
        running &+= UInt128(truncatingIfNeeded: state.running) &* length128
        waiting &+= UInt128(truncatingIfNeeded: state.waiting) &* length128
        tokens &+= UInt128(truncatingIfNeeded: state.tokens) &* length128
        held &+= UInt128(truncatingIfNeeded: state.held) &* length128
        let free = min(max(0, slots &- state.running), state.waiting)
        unfilled &+= UInt128(truncatingIfNeeded: free) &* length128
        if state.running > 0 { busy &+= length }
        most.running = max(most.running, state.running)
        most.waiting = max(most.waiting, state.waiting)
        most.tokens = max(most.tokens, state.tokens)
    }

    func load(_ length: Int64, slots: Int64?) -> Load {
        var load = Load()
        func mean(_ sum: UInt128) -> Double { length > 0 ? Double(sum) / Double(length) : 0 }
        load.meanRunning = mean(running)
        load.meanWaiting = mean(waiting)
        load.meanTokens = mean(tokens)
        load.peakRunning = most.running
        load.peakWaiting = most.waiting
        load.peakTokens = most.tokens
        load.utilization = length > 0 ? Double(busy) / Double(length) : 0
        load.heldSlotTime = Double(held) / 1e9
        if let slots {
            load.slotUtilization = load.meanRunning / Double(slots)
            load.unfilledSlotTime = Double(unfilled) / 1e9
            load.wastedSlotShare = mean(held &+ unfilled) / Double(slots)
        }
        return load
    }
}
