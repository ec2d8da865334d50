/// Where a request's time went.
public struct RequestLatency: Equatable, Sendable {
    /// Seconds: start - arrival.
    public var queueTime: Double
    /// Seconds: end - start.
    public var processingTime: Double
    /// Seconds: end - arrival.
    public var totalLatency: Double
    /// Seconds: first token - arrival where it is known, else queueTime + processingTime / tokensGenerated.
    public var timeToFirstToken: Double
    /// Tokens that it got.
    public var tokensGenerated: Int

    init(_ request: CompletedRequest) {
        queueTime = (request.start - request.arrival).seconds
        processingTime = (request.end - request.start).seconds
        totalLatency = (request.end - request.arrival).seconds
        timeToFirstToken = request.timeToFirstToken / 1e9
        tokensGenerated = Int(request.tokens)
    }
}

/// Where the parts of each request's latency are written: columns of the caller. nil is not wanted.
public struct LatencyColumns {
    let queueTime: UnsafeMutablePointer<Double>?
    let processingTime: UnsafeMutablePointer<Double>?
    let totalLatency: UnsafeMutablePointer<Double>?
    let timeToFirstToken: UnsafeMutablePointer<Double>?

    /// Each column has at least as many elements as there are requests; each gets seconds, as in `RequestLatency`.
    public init(
        queueTime: UnsafeMutablePointer<Double>? = nil, processingTime: UnsafeMutablePointer<Double>? = nil,
        totalLatency: UnsafeMutablePointer<Double>? = nil, timeToFirstToken: UnsafeMutablePointer<Double>? = nil
    ) {
        self.queueTime = queueTime
        self.processingTime = processingTime
        self.totalLatency = totalLatency
        self.timeToFirstToken = timeToFirstToken
    }
}

/// Where the time of completed requests went.
public enum Latencies {
    /// Splits the latency of each request. Writes nothing if it throws.
    /// - Complexity: O(count).
    public static func calculate(_ completed: CompletedColumns, into columns: LatencyColumns) throws(BatchingError) {
        try completed.visit { _, _ in }
        try completed.visit { index, request in
            let latency = RequestLatency(request)
            columns.queueTime?[index] = latency.queueTime
            columns.processingTime?[index] = latency.processingTime
            columns.totalLatency?[index] = latency.totalLatency
            columns.timeToFirstToken?[index] = latency.timeToFirstToken
        }
    }
}
