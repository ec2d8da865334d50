/// What a router is told of its replicas every so often.
struct ScrapedMetrics: ~Copyable {
    private let waiting: ScratchBuffer<Int64>
    private let running: ScratchBuffer<Int64>
    private let kvUse: ScratchBuffer<Double>
    /// The same of some of the replicas, as their router numbers them.
    private let ownWaiting: ScratchBuffer<Int64>
    private let ownRunning: ScratchBuffer<Int64>
    private let ownKVUse: ScratchBuffer<Double>
    private let replicas: Int
    private let interval: Int64
    /// The number of the next time.
    private var number: Int64

    init(replicas: Int, interval: Double) throws(BatchingError) {
        let waiting = try ScratchBuffer<Int64>(count: replicas, repeating: 0)
        let running = try ScratchBuffer<Int64>(count: replicas, repeating: 0)
        let kvUse = try ScratchBuffer<Double>(count: replicas, repeating: 0)
        let ownWaiting = try ScratchBuffer<Int64>(count: replicas, repeating: 0)
        let ownRunning = try ScratchBuffer<Int64>(count: replicas, repeating: 0)
        let ownKVUse = try ScratchBuffer<Double>(count: replicas, repeating: 0)
        self.ownWaiting = ownWaiting
        self.ownRunning = ownRunning
        self.ownKVUse = ownKVUse
        self.waiting = waiting
        self.running = running
        self.kvUse = kvUse
        self.replicas = replicas
        self.interval = Nanoseconds(validSeconds: interval).count
        number = 1
    }

    init(copying other: borrowing ScrapedMetrics, _ copy: inout DeepCopy) {
        waiting = ScratchBuffer(copying: other.waiting, &copy)
        running = ScratchBuffer(copying: other.running, &copy)
        kvUse = ScratchBuffer(copying: other.kvUse, &copy)
        ownWaiting = ScratchBuffer(copying: other.ownWaiting, &copy)
        ownRunning = ScratchBuffer(copying: other.ownRunning, &copy)
        ownKVUse = ScratchBuffer(copying: other.ownKVUse, &copy)
        (replicas, interval, number) = (other.replicas, other.interval, other.number)
    }

    /// When the router is told next, if that is before anything else; after what ends, and before what arrives at one time.
    /// - Parameters:
    ///   - event: before which nothing happens at the replicas; `Int64.max` nanoseconds: they have nothing to do.
    ///   - arrival: of the next request; `Int64.max` nanoseconds: none is known.
    ///   - mayArrive: whether one may come then that is not known yet. If not, nothing more is decided.
    mutating func next(event: Nanoseconds, arrival: Nanoseconds, mayArrive: Bool) -> Nanoseconds? {
        guard arrival < Nanoseconds(.max) || (mayArrive && event < Nanoseconds(.max)) else { return nil }
        // Nothing is decided until then: of the times before it only the last is of use.
        let last = min(Nanoseconds(event.count &- 1), arrival)
        number = max(number, last.count / interval)
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

    /// Of some of the replicas.
    mutating func columns(of replica: UnsafePointer<Int32>, _ count: Int) -> WorkerMetrics {
        for number in 0..<count {
            let own = Int(replica[number])
            ownWaiting.elements[number] = waiting.elements[own]
            ownRunning.elements[number] = running.elements[own]
            ownKVUse.elements[number] = kvUse.elements[own]
        }
        var metrics = WorkerMetrics()
        metrics.count = count
        metrics.waiting = UnsafePointer(ownWaiting.elements)
        metrics.running = UnsafePointer(ownRunning.elements)
        metrics.kvUsage = UnsafePointer(ownKVUse.elements)
        return metrics
    }
}
