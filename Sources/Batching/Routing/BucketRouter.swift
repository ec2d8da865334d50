/// sglang-router 0.3.2's bucket, for prefill workers, until it first adjusts its ranges of lengths: all lengths are the first
/// worker's, unless the characters that were sent to the workers differ too much; then the fewest, of equals any. A prompt
/// without text counts its hash ids. It keeps a number a worker.
struct BucketRouter: RouterRule, ~Copyable {
    static var readsText: Bool { true }

    private let absoluteThreshold: Int64
    private let relativeThreshold: Double
    private let sent: ScratchBuffer<Int64>

    init(_ configuration: RouterConfig) throws(BatchingError) {
        absoluteThreshold = configuration.prefix.balanceAbsThreshold
        relativeThreshold = configuration.prefix.balanceRelThreshold
        sent = try ScratchBuffer(count: configuration.workers, repeating: 0)
    }

    init(copying other: borrowing BucketRouter, _ copy: inout DeepCopy) {
        (absoluteThreshold, relativeThreshold) = (other.absoluteThreshold, other.relativeThreshold)
        sent = ScratchBuffer(copying: other.sent, &copy)
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) {
        let sent = sent.elements
        state.score { Double(sent[$0]) }
        var (least, most) = (Int64.max, Int64(0))
        for place in 0..<state.upCount {
            let own = sent[Int(state.upWorkers.elements[place])]
            least = min(least, own)
            most = max(most, own)
        }
        guard most &- least > absoluteThreshold, Double(most) > relativeThreshold * Double(least) else {
            return state.allowOnly(Int(state.upWorkers.elements[0]))
        }
        state.allow { sent[$0] == least }
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        sent.elements.add(Int64(question.prompt.count), at: worker)
    }
}
