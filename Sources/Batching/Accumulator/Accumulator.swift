/// Measures live traffic: takes the events of requests as they happen, and gives at any moment the metrics of a sliding
/// window and of all since the start. The definitions stand in "Accumulator" of batching.h.
///
/// Memory is fixed at creation. A request's own numbers stay in `LiveRequests` until it finishes; then its samples go to
/// the slot of that time. A slot that leaves the window is added to one set of samples for all before the window. So the
/// state is a function of the set of the events alone, and accumulators of disjoint requests merge by addition.
public struct Accumulator: ~Copyable {
    /// The most requests, and the tokens or samples beyond which no request and no other accumulator is taken, so that no
    /// sum overflows.
    static let mostRequests: Int64 = 1 << 40
    static let mostSamples: Int64 = 1 << 62
    /// The most tokens or samples that there can be: the requests in flight still go on. 2^24 requests of 2^31 tokens have
    /// 2^55, and 2^40 requests without a token count as one each.
    static let mostSamplesAfterAll: Int64 = mostSamples + 1 << 56
    /// The counters of a slot of the window have 32 bits.
    static let mostSamplesOfSlot = Int64(UInt32.max)

    let limits: AccumulatorLimits
    var live: LiveRequests
    /// The latest time of an event, and the earliest arrival (Int64.max: none), in nanoseconds.
    var clock: Int64 = 0
    var firstArrival = Int64.max
    /// The slot of the clock when the ring was last turned.
    var newestSlot: Int64 = 0
    var arrivedCount: Int64 = 0
    var waitingCount: Int64 = 0
    var served: ServerMetrics
    private let slots: SlotStorage

    /// Space for queries: the bins of several slots added up, and their exact samples.
    let combinedBins: ZeroedBuffer<UInt64>
    let combinedExact: ZeroedBuffer<Double>
    /// Space for an order of the requests in flight.
    let order: ZeroedBuffer<UInt32>

    /// An empty accumulator. Throws if a value of the configuration is out of its range, or its memory cannot be had.
    public init(_ configuration: AccumulatorConfig = AccumulatorConfig()) throws(BatchingError) {
        try self.init(AccumulatorLimits(configuration))
    }

    init(_ limits: AccumulatorLimits) throws(BatchingError) {
        let live = try LiveRequests(maxRequests: limits.maxRequests, maxGaps: limits.maxGaps)
        let served = try ServerMetrics()
        let slots = try SlotStorage(slotCount: limits.slotCount)
        let combinedBins = try ZeroedBuffer<UInt64>(count: SketchBins.count)
        let combinedExact = try ZeroedBuffer<Double>(count: SketchBins.exactCount)
        let order = try ZeroedBuffer<UInt32>(count: limits.maxRequests)
        self.limits = limits
        self.live = live
        self.served = served
        self.slots = slots
        self.combinedBins = combinedBins
        self.combinedExact = combinedExact
        self.order = order
    }

    /// All before the window.
    var older: Slot<UInt64> { slots.older }

    /// The slot with a number, which is one of the window's. Numbers below 0 are slots that never have anything.
    @inline(__always)
    func slot(_ number: Int64) -> Slot<UInt32> {
        let length = Int64(limits.slotCount)
        let rest = number % length
        return slots.slot(Int(rest < 0 ? rest + length : rest))
    }

    /// The number of the first slot of the window.
    var oldestSlot: Int64 { newestSlot - Int64(limits.slotCount) + 1 }

    /// Turns the ring on to the clock.
    mutating func settle() {
        let target = clock / limits.slotLength
        if target > newestSlot { turn(to: target) }
    }

    @inline(never)
    private mutating func turn(to target: Int64) {
        for leaving in 0..<min(target - newestSlot, Int64(limits.slotCount)) {
            let slot = slot(oldestSlot + leaving)
            older.add(slot)
            slot.clear()
        }
        newestSlot = target
    }

    mutating func moveClock(to time: Int64) {
        if time > clock { clock = time }
    }
}

/// The requests that finished or failed in one slot of time.
struct Slot<Counter: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>: BitwiseCopyable {
    let counts: UnsafeMutablePointer<ServingCounts>
    /// Of the first metric; those of the others follow.
    let moments: UnsafeMutablePointer<Moments>
    let exact: UnsafeMutablePointer<Double>
    let bins: UnsafeMutablePointer<Counter>

    @inline(__always)
    subscript(metric: ServingSample) -> Samples<Counter> {
        let index = metric.rawValue
        return Samples(
            moments: moments + index, exact: exact + index &* SketchBins.exactCount,
            bins: bins + index &* SketchBins.count)
    }

    func add<Other>(_ other: Slot<Other>) {
        counts.pointee.add(other.counts.pointee)
        for metric in ServingSample.accumulated { self[metric].add(other[metric]) }
    }

    func clear() {
        counts.pointee = ServingCounts()
        for metric in ServingSample.accumulated { self[metric].clear() }
    }
}

/// The memory of all slots.
struct SlotStorage: ~Copyable {
    private static let metrics = ServingSample.accumulated.count

    private let slotCount: Int
    private let counts: ZeroedBuffer<ServingCounts>
    private let moments: ZeroedBuffer<Moments>
    private let exact: ZeroedBuffer<Double>
    private let bins: ZeroedBuffer<UInt32>
    private let olderBins: ZeroedBuffer<UInt64>

    init(slotCount: Int) throws(BatchingError) {
        let counts = try ZeroedBuffer<ServingCounts>(count: slotCount + 1)
        let moments = try ZeroedBuffer<Moments>(count: (slotCount + 1) * SlotStorage.metrics)
        let exact = try ZeroedBuffer<Double>(count: (slotCount + 1) * SlotStorage.metrics * SketchBins.exactCount)
        let bins = try ZeroedBuffer<UInt32>(count: slotCount * SlotStorage.metrics * SketchBins.count)
        let olderBins = try ZeroedBuffer<UInt64>(count: SlotStorage.metrics * SketchBins.count)
        self.slotCount = slotCount
        self.counts = counts
        self.moments = moments
        self.exact = exact
        self.bins = bins
        self.olderBins = olderBins
    }

    @inline(__always)
    func slot(_ index: Int) -> Slot<UInt32> {
        Slot(
            counts: counts.elements + index, moments: moments.elements + index * SlotStorage.metrics,
            exact: exact.elements + index * SlotStorage.metrics * SketchBins.exactCount,
            bins: bins.elements + index * SlotStorage.metrics * SketchBins.count)
    }

    var older: Slot<UInt64> {
        Slot(
            counts: counts.elements + slotCount, moments: moments.elements + slotCount * SlotStorage.metrics,
            exact: exact.elements + slotCount * SlotStorage.metrics * SketchBins.exactCount, bins: olderBins.elements)
    }
}
