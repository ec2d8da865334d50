/// When synthetic requests, or sessions, arrive.
public struct ArrivalProcess: Equatable, Sendable {
    /// How the gaps between arrivals vary. The raw values are those of the C header.
    public enum Gaps: Int32, CaseIterable, Sendable {
        /// Exponential: a Poisson process.
        case poisson = 0
        /// Gamma with shape `burstiness`, as vLLM's `bench serve` draws them: their CV is 1 / sqrt(burstiness).
        case gamma = 100
        /// All equal.
        case constant = 110
    }

    /// How the rate changes from `rate` to `rampEndRate`, as in vLLM's `bench serve`. The raw values are those of the C
    /// header.
    public enum Ramp: Int32, CaseIterable, Sendable {
        /// The rate stays.
        case none = 0
        /// rate + (end - rate) i / (n - 1) for request i of n = `rampRequests`.
        case linear = 100
        /// rate (end / rate)^(i / (n - 1)).
        case exponential = 110
    }

    /// How the gaps between arrivals vary.
    public var gaps = Gaps.poisson
    /// Requests per second, above 0. Infinity: all arrive at 0.0.
    public var rate = 10.0
    /// For gamma gaps: in 0.001...1e9, or infinity: all gaps are equal.
    public var burstiness = 1.0
    /// How the rate changes.
    public var ramp = Ramp.none
    /// Requests per second when the ramp is over: above 0, finite.
    public var rampEndRate = 0.0
    /// Requests that the ramp takes; at least 2.
    public var rampRequests: Int64 = 0
    /// Requests that arrive together; at least 1.
    public var burstSize: Int64 = 1
    /// Seconds in which requests arrive, in turns with `offTime` seconds in which none do. 0: they always do.
    public var onTime = 0.0
    /// Seconds without arrivals between two `onTime`s.
    public var offTime = 0.0

    /// A Poisson process of 10 requests a second.
    public init() {}

    static let burstinessRange = 0.001...1e9

    func validate() throws(BatchingError) {
        guard rate > 0 else { throw .invalid("arrival_rate", rate, "must be greater than 0") }
        guard ArrivalProcess.burstinessRange.contains(burstiness) || burstiness == .infinity else {
            throw .invalid("burstiness", burstiness, "must be between 0.001 and 1e9, or infinite")
        }
        if ramp != .none {
            guard rate.isFinite else { throw .invalid("arrival_rate", rate, "must be finite with a ramp") }
            guard rampEndRate > 0, rampEndRate.isFinite else {
                throw .invalid("ramp_end_rate", rampEndRate, "must be greater than 0 and finite")
            }
            guard rampRequests >= 2 else { throw .invalid("ramp_requests", rampRequests, "must be at least 2") }
        }
        guard burstSize >= 1 else { throw .invalid("burst_size", burstSize, "must be at least 1") }
        let on = try Nanoseconds(seconds: onTime, argument: "on_time")
        let off = try Nanoseconds(seconds: offTime, argument: "off_time")
        if off > .zero, on == .zero {
            throw .invalid("on_time", onTime, "must be at least 1 nanosecond (1e-9) where off_time is not 0")
        }
    }
}

/// The arrivals of a process that has been validated, one after the other.
struct ArrivalClock {
    private var process: ArrivalProcess
    private var stream: RandomStream
    /// Arrivals so far.
    private var index: Int64 = 0
    /// Arrivals that are still to come at this moment.
    private var leftInBurst: Int64 = 0
    /// On the clock that stands still in the off times.
    private var time = Nanoseconds.zero
    private let on: Int64
    private let off: Int64

    init(_ process: ArrivalProcess, _ stream: RandomStream) {
        self.process = process
        // The limit of ever more even gaps.
        if process.gaps == .gamma, process.burstiness == .infinity { self.process.gaps = .constant }
        self.stream = stream
        on = Nanoseconds(validSeconds: process.onTime).count
        off = Nanoseconds(validSeconds: process.offTime).count
    }

    /// The next arrival, or nil if it is beyond the clock.
    @inline(__always)
    mutating func next() -> Nanoseconds? {
        if leftInBurst == 0 {
            guard advance() else { return nil }
            leftInBurst = process.burstSize
        }
        leftInBurst &-= 1
        index &+= 1
        return off == 0 ? time : withOffTimes(time)
    }

    /// Moves `time` to the next burst; false if that is beyond the clock.
    @inline(__always)
    private mutating func advance() -> Bool {
        if process.gaps == .constant, process.ramp == .none {
            // From 0, lest the rounding of a gap adds up.
            let sum = Double(index &+ process.burstSize) / process.rate
            guard Nanoseconds.holds(sum) else { return false }
            time = Nanoseconds(validSeconds: sum)
            return true
        }
        let gap = draw() * Double(process.burstSize) / rate
        guard Nanoseconds.holds(gap), let next = time.advanced(by: 1, of: Nanoseconds(validSeconds: gap)) else {
            return false
        }
        time = next
        return true
    }

    /// A gap with mean 1.
    @inline(__always)
    private mutating func draw() -> Double {
        switch process.gaps {
        case .poisson: stream.exponential()
        case .gamma: stream.gamma(shape: process.burstiness) / process.burstiness
        case .constant: 1
        }
    }

    /// Requests per second at the request that comes next.
    @inline(__always)
    private var rate: Double {
        process.ramp == .none ? process.rate : rampedRate
    }

    private var rampedRate: Double {
        let (start, end) = (process.rate, process.rampEndRate)
        if index >= process.rampRequests &- 1 { return end }
        let share = Double(index) / Double(process.rampRequests &- 1)
        if process.ramp == .linear { return start + (end - start) * share }
        return start * Exponential.natural((Logarithm.natural(end) - Logarithm.natural(start)) * share)
    }

    private func withOffTimes(_ time: Nanoseconds) -> Nanoseconds? {
        let (rounds, rest) = time.count.quotientAndRemainder(dividingBy: on)
        // Each is at most the clock's maximum, so that their sum fits.
        let (pauses, overflows) = rounds.multipliedReportingOverflow(by: off)
        guard !overflows, pauses <= Nanoseconds.maximum.count &- time.count else { return nil }
        return Nanoseconds(rounds &* on &+ pauses &+ rest)
    }
}
