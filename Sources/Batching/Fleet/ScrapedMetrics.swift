/// What a router is told of its replicas every so often.
struct ScrapedMetrics: ~Copyable {
    private let waiting: ScratchBuffer<Int64>
    private let running: ScratchBuffer<Int64>
    private let kvUse: ScratchBuffer<Double>
    private let replicas: Int
    private let interval: Int64
    /// The number of the next time.
    private var number: Int64 = 1

    init(replicas: Int, interval: Double) throws(BatchingError) {
        let waiting = try ScratchBuffer<Int64>(count: replicas, repeating: 0)
        let running = try ScratchBuffer<Int64>(count: replicas, repeating: 0)
        let kvUse = try ScratchBuffer<Double>(count: replicas, repeating: 0)
        self.waiting = waiting
        self.running = running
        self.kvUse = kvUse
        self.replicas = replicas
        self.interval = Nanoseconds(validSeconds: interval).count
    }

    /// When the router is told next, if that is before anything else; after what ends, and before what arrives at one time.
    /// - Parameters:
    ///   - event: before which nothing happens at the replicas; `Int64.max` nanoseconds: they have nothing to do.
    ///   - arrival: of the next request; `Int64.max` nanoseconds: none is left, and nothing more is decided.
    mutating func next(event: Nanoseconds, arrival: Nanoseconds) -> Nanoseconds? {
        guard arrival < Nanoseconds(.max) else { return nil }
        // Where nothing happens until then, all times but the last tell the same.
        if event == Nanoseconds(.max) { number = max(number, arrival.count / interval) }
        let (count, overflows) = number.multipliedReportingOverflow(by: interval)
        let time = Nanoseconds(count)
        guard !overflows, time < event, time <= arrival else { return nil }
        number &+= 1
        return time
    }

    mutating func set(_ replica: Int, _ load: (waiting: Int64, running: Int64, kvUse: Double)) {
        waiting.elements[replica] = load.waiting
        running.elements[replica] = load.running
        kvUse.elements[replica] = load.kvUse
    }

    var columns: WorkerMetrics {
        var metrics = WorkerMetrics()
        metrics.count = replicas
        metrics.waiting = UnsafePointer(waiting.elements)
        metrics.running = UnsafePointer(running.elements)
        metrics.kvUsage = UnsafePointer(kvUse.elements)
        return metrics
    }
}
