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
        let waitingForSlot = try GrowableBuffer(capacity: rows, repeating: 0.0)
        let waitingForMemory = try GrowableBuffer(capacity: rows, repeating: 0.0)
        let prefill = try GrowableBuffer(capacity: rows, repeating: 0.0)
        let decode = try GrowableBuffer(capacity: rows, repeating: 0.0)
        let slowedByPrefill = try GrowableBuffer(capacity: rows, repeating: 0.0)
        let preempted = try GrowableBuffer(capacity: rows, repeating: 0.0)
        let heldInBatch = try GrowableBuffer(capacity: rows, repeating: 0.0)
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
        try waitingForSlot.reserve(rows, asks: true)
        try waitingForMemory.reserve(rows, asks: true)
        try prefill.reserve(rows, asks: true)
        try decode.reserve(rows, asks: true)
        try slowedByPrefill.reserve(rows, asks: true)
        try preempted.reserve(rows, asks: true)
        try heldInBatch.reserve(rows, asks: true)
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
