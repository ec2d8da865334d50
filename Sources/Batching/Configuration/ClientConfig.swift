/// How requests are sent. The fields are those of `batching_client` in the C header, where "Engine: clients" says what they
/// mean; all as by default: as they arrive.
public struct ClientConfig: Sendable {
    /// The most requests in flight; at least 1. nil: no limit.
    public var maxConcurrency: Int64?
    /// Users with one request in flight each; at least 1. nil: none, and sessions begin at their arrival times.
    public var clients: Int64?
    /// Seconds over which clients start, one after the other.
    public var rampUp = 0.0
    /// From the end of one session of a client to the start of the next.
    public var thinkTimes = ThinkTimes()
    /// Of the think times.
    public var seed: UInt64 = 0
    /// Whether a session goes on after a turn that failed.
    public var sessionsGoOn = false

    /// All as by default.
    public init() {}

    /// Whether what is sent depends on what was answered, also without sessions.
    var closesLoop: Bool { maxConcurrency != nil || clients != nil }

    /// Throws unless every value is in its range.
    func check() throws(BatchingError) {
        try check(maxConcurrency, "max_concurrency")
        try check(clients, "clients")
        _ = try Nanoseconds(seconds: rampUp, argument: "ramp_up")
        try thinkTimes.validate()
        guard clients == nil else { return }
        guard rampUp == 0 else { throw .invalid("ramp_up", rampUp, "must be 0 without clients") }
        guard thinkTimes.mean == 0 else { throw .invalid("think_time", thinkTimes.mean, "must be 0 without clients") }
    }

    private func check(_ value: Int64?, _ name: StaticString) throws(BatchingError) {
        guard let value else { return }
        guard value >= 1 else { throw .invalid("\(name)", value, "must be at least 1") }
        guard value <= Int64(RequestColumns.maximumCount) else {
            throw .invalid("\(name)", value, "must be at most \(RequestColumns.maximumCount)")
        }
    }
}
