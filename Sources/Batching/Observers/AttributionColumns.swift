/// Where a run writes into which parts each request's time falls: columns of the caller, in the order of the requests, in
/// seconds. nil is not wanted. "Engine: attribution" in the C header says what each part is.
public struct AttributionColumns {
    let waitingForSlot: UnsafeMutablePointer<Double>?
    var waitingForMemory: UnsafeMutablePointer<Double>?
    let prefill: UnsafeMutablePointer<Double>?
    let decode: UnsafeMutablePointer<Double>?
    let slowedByPrefill: UnsafeMutablePointer<Double>?
    let preempted: UnsafeMutablePointer<Double>?
    let heldInBatch: UnsafeMutablePointer<Double>?
    let waitingForClient: UnsafeMutablePointer<Double>?

    /// Each column has at least as many elements as there are requests.
    public init(
        waitingForSlot: UnsafeMutablePointer<Double>? = nil, waitingForMemory: UnsafeMutablePointer<Double>? = nil,
        prefill: UnsafeMutablePointer<Double>? = nil, decode: UnsafeMutablePointer<Double>? = nil,
        slowedByPrefill: UnsafeMutablePointer<Double>? = nil, preempted: UnsafeMutablePointer<Double>? = nil,
        heldInBatch: UnsafeMutablePointer<Double>? = nil, waitingForClient: UnsafeMutablePointer<Double>? = nil
    ) {
        self.waitingForSlot = waitingForSlot
        self.waitingForMemory = waitingForMemory
        self.prefill = prefill
        self.decode = decode
        self.slowedByPrefill = slowedByPrefill
        self.preempted = preempted
        self.heldInBatch = heldInBatch
        self.waitingForClient = waitingForClient
    }
}

/// The parts of one request's time, in seconds.
struct RequestParts: BitwiseCopyable {
    var waitingForSlot = Double.nan
    var waitingForMemory = Double.nan
    var prefill = Double.nan
    var decode = Double.nan
    var slowedByPrefill = Double.nan
    var preempted = Double.nan
    var heldInBatch = Double.nan
}

extension AttributionColumns {
    /// What stands there; 0 where a column is not there.
    func parts(_ request: Int) -> RequestParts {
        RequestParts(
            waitingForSlot: waitingForSlot?[request] ?? 0, waitingForMemory: waitingForMemory?[request] ?? 0,
            prefill: prefill?[request] ?? 0, decode: decode?[request] ?? 0,
            slowedByPrefill: slowedByPrefill?[request] ?? 0, preempted: preempted?[request] ?? 0,
            heldInBatch: heldInBatch?[request] ?? 0)
    }

    func writeClient(_ seconds: Double, _ row: Int) { waitingForClient?[row] = seconds }

    /// The same value everywhere.
    func fill(_ value: Double, count: Int) throws(BatchingError) {
        try waitingForSlot?.fill(value, count: count)
        try waitingForMemory?.fill(value, count: count)
        try prefill?.fill(value, count: count)
        try decode?.fill(value, count: count)
        try slowedByPrefill?.fill(value, count: count)
        try preempted?.fill(value, count: count)
        try heldInBatch?.fill(value, count: count)
        try waitingForClient?.fill(value, count: count)
    }

    /// Adds to what stands there, but for the time before it decodes.
    func addDecode(_ parts: RequestParts, _ row: Int) {
        prefill?[row] += parts.prefill
        decode?[row] += parts.decode
        slowedByPrefill?[row] += parts.slowedByPrefill
        preempted?[row] += parts.preempted
        heldInBatch?[row] += parts.heldInBatch
    }

    func write(_ parts: RequestParts, _ row: Int) {
        waitingForSlot?[row] = parts.waitingForSlot
        waitingForMemory?[row] = parts.waitingForMemory
        prefill?[row] = parts.prefill
        decode?[row] = parts.decode
        slowedByPrefill?[row] = parts.slowedByPrefill
        preempted?[row] = parts.preempted
        heldInBatch?[row] = parts.heldInBatch
        // An engine that runs on has no clients.
        waitingForClient?[row] = parts.waitingForSlot.isNaN ? .nan : 0
    }
}
