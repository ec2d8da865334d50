/// How to calibrate. The fields are those of `batching_calibration_config` in the C header, which says how it is done.
public struct CalibrationConfig {
    /// How the server schedules, and what it has. Its times are not looked at.
    public var engine = EngineConfig()
    /// What the model and GPUs let expect. nil: nothing is known of them.
    public var roofline: RooflineTime?
    /// Whether synchronous and asynchronous scheduling are tried, or only what `engine` says.
    public var scheduling = CalibrationScheduling.both
    /// Whether the number of KV blocks is searched, where the log shows that they ran out. It begins at the engine's.
    public var searchesNumGPUBlocks = false
    /// Of the random steps: same seed, same result.
    public var seed: UInt64 = 0
    /// Seconds: what happened after it is not known yet. nil: all is.
    public var observedUntil: Double?
    /// The most simulations.
    public var simulations: Int64 = 2000
    package var callback: CalibrationCallback?

    /// All as by default.
    public init() {}
}

/// Which ways to schedule are tried.
public enum CalibrationScheduling: Int32, CaseIterable, Sendable {
    /// Both, and the one that fits better is kept.
    case both = 0
    /// That of the engine's configuration.
    case given = 100
}

/// How far a calibration has come.
public struct CalibrationProgress: Sendable {
    /// Simulations so far.
    public var simulations: Int64
    /// The most that there will be.
    public var most: Int64
    /// The best sum so far; infinity if there is none.
    public var loss: Double
}

/// Called after each simulation; answers whether what was found is enough.
package struct CalibrationCallback {
    package typealias Body = (CalibrationProgress, ForeignFunction) throws(BatchingError) -> Bool

    private let body: Body
    private let foreign: ForeignFunction

    package init(_ foreign: ForeignFunction, _ body: @escaping Body) {
        self.foreign = foreign
        self.body = body
    }

    func callAsFunction(_ progress: CalibrationProgress) throws(BatchingError) -> Bool { try body(progress, foreign) }
}

extension CalibrationConfig {
    /// - Parameter body: called after each simulation; answers whether what was found is enough; throws to stop.
    public mutating func onProgress(_ body: @escaping (CalibrationProgress) throws(BatchingError) -> Bool) {
        callback = CalibrationCallback(.none) { (progress, _) throws(BatchingError) in try body(progress) }
    }
}

/// What a calibration found. The fields are those of `batching_calibration` in the C header.
public struct CalibrationResult: Equatable, Sendable {
    /// The times of iterations.
    public var time = AffineTime()
    /// Whether asynchronous scheduling fits better, or is given.
    public var isAsynchronous = false
    /// Whether it came to its end.
    public var isComplete = false
    /// Simulations in all.
    public var simulations: Int64 = 0
    /// Spans of requests that count.
    public var residuals: Int64 = 0
    /// The sum that is least, of the data alone.
    public var loss = 0.0
    /// The same of the other way to schedule; not-a-number if it was not tried.
    public var lossOfOtherScheduling = Double.nan
    /// The usual size of a residual.
    public var spread = 0.0
    /// KV blocks: the engine's, or those that were found. nil: no limit.
    public var numGPUBlocks: Int64?
    /// The least and the most that are about as good.
    public var numGPUBlocksRange: ClosedRange<Int64>?
    /// How much the log says of each coefficient, from 0 to 1; of the start-up nothing.
    public var told = AffineTime()
    /// Near -1 or 1, the log says only of the two coefficients together: base and decode.
    public var correlationOfBaseAndDecode = 0.0
    /// The same of base and context.
    public var correlationOfBaseAndContext = 0.0
    /// The same of decode and context.
    public var correlationOfDecodeAndContext = 0.0
    /// The same of prefill tokens and prefill context.
    public var correlationOfPrefillAndContext = 0.0
    /// Seconds that each TTFT and E2E of a client is longer than the engine's. 0: none was found.
    public var clientDelay = 0.0
    /// How much the log says of it, from 0 to 1.
    public var toldClientDelay = 0.0
    /// Of the requests whose TTFT counts: those that do not wait in the queue, before a delay is looked for.
    public var shareWithoutQueueing = 0.0
    /// Near -1 or 1, the log says only of the two together: base and delay.
    public var correlationOfBaseAndDelay = 0.0
    /// The same of the time of each iteration with prefill and the delay.
    public var correlationOfPrefillIterationAndDelay = 0.0
    /// How far fits differ that are about as good.
    public var range = CalibrationRange()
}
