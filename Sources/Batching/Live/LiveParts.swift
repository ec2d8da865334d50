/// The parts of the time of each request of an engine that runs on, by row: written by its ledger. Empty unless they are
/// wanted.
struct LiveParts: ~Copyable {
    private let isWanted: Bool
    private var waitingForSlot: GrowableBuffer<Double>
    private var waitingForMemory: GrowableBuffer<Double>
    private var prefill: GrowableBuffer<Double>
    private var decode: GrowableBuffer<Double>
    private var slowedByPrefill: GrowableBuffer<Double>
    private var preempted: GrowableBuffer<Double>
    private var heldInBatch: GrowableBuffer<Double>

    /// - Parameter rows: 0: they are not wanted.
    init(rows: Int) throws(BatchingError) {
        let waitingForSlot = try GrowableBuffer<Double>(capacity: rows)
        let waitingForMemory = try GrowableBuffer<Double>(capacity: rows)
        let prefill = try GrowableBuffer<Double>(capacity: rows)
        let decode = try GrowableBuffer<Double>(capacity: rows)
        let slowedByPrefill = try GrowableBuffer<Double>(capacity: rows)
        let preempted = try GrowableBuffer<Double>(capacity: rows)
        let heldInBatch = try GrowableBuffer<Double>(capacity: rows)
        isWanted = rows > 0
        self.waitingForSlot = waitingForSlot
        self.waitingForMemory = waitingForMemory
        self.prefill = prefill
        self.decode = decode
        self.slowedByPrefill = slowedByPrefill
        self.preempted = preempted
        self.heldInBatch = heldInBatch
    }

    mutating func reserve(_ rows: Int) throws(BatchingError) {
        guard isWanted else { return }
        try waitingForSlot.reserve(rows)
        try waitingForMemory.reserve(rows)
        try prefill.reserve(rows)
        try decode.reserve(rows)
        try slowedByPrefill.reserve(rows)
        try preempted.reserve(rows)
        try heldInBatch.reserve(rows)
    }

    /// Becomes equal to others, if they are wanted in both.
    mutating func assign(_ other: borrowing LiveParts, count: Int) throws(BatchingError) {
        guard isWanted, other.isWanted else { return }
        try waitingForSlot.assign(other.waitingForSlot, count: count)
        try waitingForMemory.assign(other.waitingForMemory, count: count)
        try prefill.assign(other.prefill, count: count)
        try decode.assign(other.decode, count: count)
        try slowedByPrefill.assign(other.slowedByPrefill, count: count)
        try preempted.assign(other.preempted, count: count)
        try heldInBatch.assign(other.heldInBatch, count: count)
    }

    /// Where they are; valid until they grow.
    var columns: AttributionColumns {
        AttributionColumns(
            waitingForSlot: waitingForSlot.elements, waitingForMemory: waitingForMemory.elements,
            prefill: prefill.elements, decode: decode.elements, slowedByPrefill: slowedByPrefill.elements,
            preempted: preempted.elements, heldInBatch: heldInBatch.elements)
    }
}
