/// AIBrix' vtc-basic (pkg/plugins/gateway/algorithms/vtc of 2026-08): users with many tokens in the last five minutes go to
/// workers with higher numbers, as far as these are not busy. From its source: no recording proves it.
///
/// It keeps the requests of the last five minutes with their users, whose names it knows by a hash of 64 bits.
struct VTC: RouterRule, ~Copyable {
    private var window: TokenWindow
    private let scores: ScratchBuffer<Double>
    /// Whether the last decision had scores.
    private var hasScores: Bool

    private static var windowSeconds: Int64 { 300 }
    private static var leastBucket: Double { 1000 }
    /// Of a window without tokens.
    private static var defaultMost: Double { 8000 }
    private static var mostRunning: Double { 100 }
    private static var randomPart: Double { 0.1 }

    init(_ configuration: RouterConfig) throws(BatchingError) {
        let window = try TokenWindow(seconds: Self.windowSeconds)
        let scores = try ScratchBuffer<Double>(count: configuration.workers, repeating: 0)
        self.window = window
        self.scores = scores
        hasScores = false
    }

    init(copying other: borrowing VTC, _ copy: inout DeepCopy) {
        window = TokenWindow(copying: other.window, &copy)
        scores = ScratchBuffer(copying: other.scores, &copy)
        hasScores = other.hasScores
    }

    mutating func decide(_ question: RoutingQuestion, _ state: inout RoutingState) {
        let (isUp, running, scores) = (state.isUp.elements, state.running.elements, scores.elements)
        state.beginDecision()
        hasScores = question.request.session != nil
        guard let session = question.request.session else {
            for worker in 0..<state.workers where isUp[worker] { state.allow(worker) }
            return
        }
        let view = window.view(of: Self.user(session), at: question.request.time)
        let fewest = view.fewest.map { Double($0) } ?? Self.leastBucket
        let most = view.most.map { Double($0) } ?? Self.defaultMost
        let bucket = max(Self.leastBucket, (fewest + most) / 2)
        let target = min(Double(view.tokens) / bucket, Double(state.upCount &- 1))
        var (place, least) = (0.0, Double.infinity)
        for worker in 0..<state.workers where isUp[worker] {
            scores[worker] = (place - target).magnitude + min(Double(running[worker]) / Self.mostRunning, 1)
            least = min(least, scores[worker])
            place += 1
        }
        for worker in 0..<state.workers where isUp[worker] {
            if scores[worker] < least + Self.randomPart { state.allow(worker) }
            if state.wantsScores { state.scores.elements[worker] = scores[worker] }
        }
    }

    mutating func choose(_ state: inout RoutingState) -> Int {
        if !hasScores { return state.anyCandidate() }
        var (best, least) = (Int(state.candidates.elements[0]), Double.infinity)
        if state.candidateCount == 1 { return best }
        for place in 0..<state.candidateCount {
            let worker = Int(state.candidates.elements[place])
            let score = scores.elements[worker] + Self.randomPart * (1 - state.random.uniform())
            if score < least { (best, least) = (worker, score) }
        }
        return best
    }

    mutating func reserve(_ question: RoutingQuestion, _ state: inout RoutingState) throws(BatchingError) {
        try window.reserve()
    }

    mutating func book(_ question: RoutingQuestion, slot: Int, worker: Int, _ state: inout RoutingState) {
        guard let session = question.request.session, let user = Self.user(session) else { return }
        window.add(Self.tokens(question.request), user: user, at: question.request.time)
    }

    /// Those of its prompt, and twice those that it is taken to generate: half as many again, rounded up.
    private static func tokens(_ request: RoutingRequest) -> Int64 {
        let prompt = request.text == nil ? Int64(request.promptLength) : (Int64(request.textSize) &+ 3) / 4
        let output = (3 &* prompt &+ 1) / 2
        return prompt &+ 2 &* output
    }

    /// A hash of a name. nil: it is empty, and has no tokens.
    private static func user(_ name: UnsafePointer<CChar>) -> UInt64? {
        var hash = SipHash(HashKey())
        var (place, word) = (0, UInt64(0))
        while name[place] != 0 {
            word = word &<< 8 | UInt64(UInt8(bitPattern: name[place]))
            place &+= 1
            if place & 7 == 0 {
                hash.add(word)
                word = 0
            }
        }
        if place == 0 { return nil }
        hash.add(word)
        return hash.finish()
    }
}
