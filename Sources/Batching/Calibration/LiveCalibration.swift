/// Fits the times of iterations to the traffic of a server as it runs: see "Calibration: live" in the C header.
public struct LiveCalibration: ~Copyable {
    /// Fewer requests than these say too little.
    static let fewest = 16
    /// The most that are kept once they ended, and the most in flight: together no more than a calibration takes.
    static let most = 500_000

    let configuration: CalibrationConfig
    let window: Int
    var rows: LiveCalibrationRows
    /// Nanoseconds: the latest end of a request that is forgotten; -1: none is.
    private(set) var forgottenUntil: Int64 = -1

    /// Throws if a value is out of its range.
    /// - Parameters:
    ///   - configuration: as for `Calibration.fit`; all that was observed is told, so that `observedUntil` must be nil.
    ///   - window: requests that are kept once they have ended: 16...500,000.
    public init(
        _ configuration: CalibrationConfig = CalibrationConfig(), window: Int = 300
    ) throws(BatchingError) {
        guard window >= LiveCalibration.fewest, window <= LiveCalibration.most else {
            throw .invalid(
                "window", window, "must be between \(LiveCalibration.fewest) and \(LiveCalibration.most)")
        }
        if let until = configuration.observedUntil {
            throw .invalid("observed_until", until, "must be 0: what has happened is what was told")
        }
        try Calibration.check(configuration)
        let rows = try LiveCalibrationRows(keepsHashes: configuration.engine.cachesPrefixes)
        self.configuration = configuration
        self.window = window
        self.rows = rows
    }

    /// A request was sent. Throws if one with its id is in flight.
    /// - Parameters:
    ///   - expectedOutput: tokens; 0: unknown.
    ///   - hashIDs: one for each KV block of its prompt; nil: none.
    public mutating func arrived(
        _ id: Int64, time: Double, promptLength: Int32, expectedOutput: Int32 = 0,
        hashIDs: UnsafeBufferPointer<Int64>? = nil
    ) throws(BatchingError) {
        let now = try Nanoseconds(seconds: time, argument: "time").count
        guard promptLength >= 0 else { throw .invalid("prompt_length", promptLength, "must be at least 0") }
        guard expectedOutput >= 0 else {
            throw .invalid("expected_output_length", expectedOutput, "must be at least 0")
        }
        if rows.row(of: id) != nil { throw .invalid("request", id, "must not be in flight already") }
        guard rows.inFlight < LiveCalibration.most else {
            throw BatchingError(
                .capacity, "request is \(id): \(rows.inFlight) are in flight already, which is the most")
        }
        var request = LiveCalibrationRow()
        request.id = id
        request.arrival = now
        request.prompt = promptLength
        request.output = expectedOutput
        guard configuration.engine.cachesPrefixes, let hashIDs, let ids = hashIDs.baseAddress, hashIDs.count > 0 else {
            try rows.reserve(hashIDs: 0)
            rows.add(request, nil)
            return
        }
        try rows.reserve(hashIDs: hashIDs.count)
        var place: InlineArray<2, Int64> = [0, Int64(hashIDs.count)]
        withUnsafePointer(to: &place) { place in
            place.withMemoryRebound(to: Int64.self, capacity: 2) { offsets in
                rows.add(request, PrefixHashes(ids: ids, offsets: offsets))
            }
        }
    }

    /// A request has its first token. Throws if it has one already.
    public mutating func firstToken(_ id: Int64, time: Double) throws(BatchingError) {
        let (request, now) = try next(id, time)
        guard request.pointee.firstToken < 0 else {
            throw .invalid("request", id, "must not have a first token already")
        }
        request.pointee.firstToken = now
    }

    /// A request has all its tokens, of which there are so many.
    public mutating func finished(_ id: Int64, time: Double, outputLength: Int32) throws(BatchingError) {
        let (request, now) = try next(id, time)
        guard outputLength >= 1 else { throw .invalid("output_length", outputLength, "must be at least 1") }
        request.pointee.output = outputLength
        // All at once.
        if request.pointee.firstToken < 0 { request.pointee.firstToken = now }
        end(request, at: now, .finished)
    }

    /// A request will have no more tokens.
    public mutating func failed(_ id: Int64, time: Double) throws(BatchingError) {
        let (request, now) = try next(id, time)
        end(request, at: now, .failed)
    }

    // Mutating, since a call that only borrows it copies it.
    private mutating func next(
        _ id: Int64, _ time: Double
    ) throws(BatchingError) -> (request: UnsafeMutablePointer<LiveCalibrationRow>, now: Int64) {
        let now = try Nanoseconds(seconds: time, argument: "time").count
        guard let request = rows.row(of: id) else { throw .invalid("request", id, "must be in flight") }
        guard now >= request.pointee.last else {
            throw .invalid(
                "time", time,
                "must not be before the last event of request \(id), at \(Nanoseconds(request.pointee.last).seconds)")
        }
        return (request, now)
    }

    private mutating func end(
        _ request: UnsafeMutablePointer<LiveCalibrationRow>, at now: Int64, _ state: LiveCalibrationRow.State
    ) {
        request.pointee.end = now
        rows.end(request, state)
        if rows.ended > window { forgottenUntil = max(forgottenUntil, rows.forget()) }
    }

    /// A copy with a life of its own.
    public mutating func fork() throws(BatchingError) -> LiveCalibration {
        var copy = try LiveCalibration(configuration, window: window)
        try copy.rows.assign(rows)
        copy.forgottenUntil = forgottenUntil
        return copy
    }

    /// What it holds.
    public mutating func observe() throws(BatchingError) -> LiveCalibrationState {
        LiveCalibrationState(
            inFlight: rows.inFlight, finished: rows.finished, failed: rows.failed, counting: try counting(),
            hashIDs: rows.hashes.count,
            forgottenUntil: forgottenUntil < 0 ? nil : Nanoseconds(forgottenUntil).seconds)
    }

    private func counting() throws(BatchingError) -> Int {
        let elements = rows.elements
        var count = 0
        for row in 0..<rows.used {
            try Work.row(row)
            if counts(elements[row]) { count &+= 1 }
        }
        return count
    }

    /// Whether a request is compared.
    @inline(__always)
    func counts(_ request: LiveCalibrationRow) -> Bool {
        request.state == .finished && request.arrival >= forgottenUntil
    }
}

/// What a live calibration holds. The fields are those of `batching_live_calibration_state` in the C header.
public struct LiveCalibrationState: Equatable, Sendable {
    /// Requests that have arrived and not ended.
    public var inFlight: Int
    /// Requests that are kept and have finished.
    public var finished: Int
    /// Requests that are kept and have failed.
    public var failed: Int
    /// Of those that have finished, those that are compared.
    public var counting: Int
    /// Hash ids of all.
    public var hashIDs: Int
    /// Seconds: when the last of the forgotten ended. nil: none is forgotten.
    public var forgottenUntil: Double?
}
