/// When a router stops sending requests to a replica that loses them: see `batching_admission_config` in the C header. Empty where
/// there are none.
struct CircuitBreakers: ~Copyable {
    enum State: UInt8 {
        /// Requests go there.
        case closed
        /// None does.
        case open
        /// They go there again, as a trial.
        case halfOpen
    }

    /// By replica.
    struct Breaker: BitwiseCopyable {
        var state = State.closed
        /// Failures whose times are kept, and where the next goes.
        var failures: Int32 = 0
        var next: Int32 = 0
        /// Since it is half open.
        var successes: Int64 = 0
        /// Rises whenever it opens: what was to happen to it before does not.
        var mark: Int64 = 0
    }

    private let most: Int
    private let window: Nanoseconds
    private let enough: Int64
    private let breakers: ScratchBuffer<Breaker>
    /// The times of the last `most` failures of each.
    private let times: ScratchBuffer<Nanoseconds>

    var isUsed: Bool { most > 0 }

    init(_ admission: AdmissionConfig, replicas: Int) throws(BatchingError) {
        let most = Int(admission.breakerFailures ?? 0)
        let breakers = try ScratchBuffer(count: most > 0 ? replicas : 0, repeating: Breaker())
        let times = try ScratchBuffer(count: most &* replicas, repeating: Nanoseconds.zero)
        self.most = most
        window = Nanoseconds(validSeconds: admission.breakerWindow)
        enough = admission.breakerSuccesses
        self.breakers = breakers
        self.times = times
    }

    init(copying other: borrowing CircuitBreakers, _ copy: inout DeepCopy) {
        (most, window, enough) = (other.most, other.window, other.enough)
        breakers = ScratchBuffer(copying: other.breakers, &copy)
        times = ScratchBuffer(copying: other.times, &copy)
    }

    func isOpen(_ replica: Int) -> Bool { isUsed && breakers.elements[replica].state == .open }

    func mark(of replica: Int) -> Int64 { breakers.elements[replica].mark }

    /// A replica has lost a request.
    /// - Returns: whether its breaker opens.
    func noteFailure(_ replica: Int, at time: Nanoseconds) -> Bool {
        guard isUsed else { return false }
        let breaker = breakers.elements + replica
        switch breaker.pointee.state {
        case .open: return false
        case .halfOpen: break
        case .closed:
            let own = times.elements + replica &* most
            own[Int(breaker.pointee.next)] = time
            breaker.pointee.next = Int(breaker.pointee.next) &+ 1 == most ? 0 : breaker.pointee.next &+ 1
            breaker.pointee.failures = min(breaker.pointee.failures &+ 1, Int32(truncatingIfNeeded: most))
            // Once as many are kept, the next place has the first of them.
            let isFull = Int(breaker.pointee.failures) == most
            guard isFull, own[Int(breaker.pointee.next)].count >= time.count &- window.count else { return false }
        }
        breaker.pointee = Breaker(state: .open, mark: breaker.pointee.mark &+ 1)
        return true
    }

    /// It was open for long enough.
    func halfOpen(_ replica: Int) { breakers.elements[replica].state = .halfOpen }

    /// A request has finished at a replica.
    func noteSuccess(_ replica: Int) {
        guard isUsed else { return }
        let breaker = breakers.elements + replica
        guard breaker.pointee.state == .halfOpen else { return }
        breaker.pointee.successes = breaker.pointee.successes &+ 1
        if breaker.pointee.successes >= enough { breaker.pointee = Breaker(mark: breaker.pointee.mark) }
    }
}
