/// Where a run writes into which parts each request's time falls: columns of the caller, in the order of the requests, in
/// seconds. nil is not wanted. "Engine: attribution" in the C header says what each part is.
public struct AttributionColumns {
    let waitingForSlot: UnsafeMutablePointer<Double>?
    let waitingForMemory: UnsafeMutablePointer<Double>?
    let prefill: UnsafeMutablePointer<Double>?
    let decode: UnsafeMutablePointer<Double>?
    let slowedByPrefill: UnsafeMutablePointer<Double>?
    let preempted: UnsafeMutablePointer<Double>?
    let heldInBatch: UnsafeMutablePointer<Double>?

    /// Each column has at least as many elements as there are requests.
    public init(
        waitingForSlot: UnsafeMutablePointer<Double>? = nil, waitingForMemory: UnsafeMutablePointer<Double>? = nil,
        prefill: UnsafeMutablePointer<Double>? = nil, decode: UnsafeMutablePointer<Double>? = nil,
        slowedByPrefill: UnsafeMutablePointer<Double>? = nil, preempted: UnsafeMutablePointer<Double>? = nil,
        heldInBatch: UnsafeMutablePointer<Double>? = nil
    ) {
        self.waitingForSlot = waitingForSlot
        self.waitingForMemory = waitingForMemory
        self.prefill = prefill
        self.decode = decode
        self.slowedByPrefill = slowedByPrefill
        self.preempted = preempted
        self.heldInBatch = heldInBatch
    }
}
