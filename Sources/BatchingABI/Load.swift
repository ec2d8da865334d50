import Batching
import CBatching

@implementation @_cdecl("batching_load_calculate")
public func batching_load_calculate(
    _ recorded: UnsafePointer<batching_recorded>!, _ config: UnsafePointer<batching_load_config>!,
    _ load: UnsafeMutablePointer<batching_load>!, _ timeline: UnsafeMutablePointer<batching_load_timeline>!
) -> batching_status {
    status { () throws(BatchingError) in
        let recorded = try batching_recorded.columns(recorded)
        let config = config == nil ? batching_load_config() : try batching_load_config.read(config)
        if let load { _ = try batching_load.read(load) }
        var wanted: LoadTimeline?
        if let timeline { wanted = try batching_load_timeline.read(timeline).timeline() }
        let calculated = try Load(
            ServedColumns(recorded, lastTokenTime: config.last_token_time), configuration: config.configuration(),
            timeline: &wanted)
        if let load { batching_load(calculated).write(to: load) }
        if let timeline, let wanted { timeline.pointee.count = wanted.count }
    }
}

extension batching_load_config {
    static let firstSize = 40

    fileprivate func configuration() throws(BatchingError) -> LoadConfig {
        var configuration = LoadConfig()
        if window_end != 0 {
            configuration.window = (window_start, window_end)
        } else if window_start != 0 {
            throw BatchingError(
                .invalidArgument, "window_start is \(window_start): must be 0 where window_end is 0, the default")
        }
        if slots != 0 { configuration.slots = slots }
        return configuration
    }
}

extension batching_load {
    static let firstSize = 120

    fileprivate init(_ load: Load) {
        self.init()
        window_start = load.windowStart
        window_end = load.windowEnd
        requests = load.requests
        mean_running = load.meanRunning
        mean_waiting = load.meanWaiting
        mean_tokens = load.meanTokens
        peak_running = load.peakRunning
        peak_waiting = load.peakWaiting
        peak_tokens = load.peakTokens
        utilization = load.utilization
        slot_utilization = load.slotUtilization
        held_slot_time = load.heldSlotTime
        unfilled_slot_time = load.unfilledSlotTime
        wasted_slot_share = load.wastedSlotShare
    }
}

extension batching_load_timeline {
    static let firstSize = 88

    fileprivate func timeline() throws(BatchingError) -> LoadTimeline {
        guard capacity >= 0 else {
            throw BatchingError(.invalidArgument, "timeline.capacity is \(capacity): must be at least 0")
        }
        guard bins >= 0 else {
            throw BatchingError(.invalidArgument, "timeline.bins is \(bins): must be at least 0")
        }
        return LoadTimeline(
            capacity: Int(capacity), bins: bins, time: time, running: running, waiting: waiting, tokens: tokens,
            peakRunning: peak_running, peakWaiting: peak_waiting, peakTokens: peak_tokens)
    }
}
