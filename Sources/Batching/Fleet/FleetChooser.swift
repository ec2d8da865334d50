/// What decides which replica a request goes to.
public enum FleetChooserName: Int32, Sendable {
    /// The router.
    case router = 0
    /// The replica in which it would have its first token first, as a copy of each tells.
    case estimatedTTFT = 100
    /// The replica in which it would end first, the same.
    case estimatedE2E = 110
    /// A closure of the caller.
    case callback = 120
}

/// The replicas as a closure of the caller sees them when a request is to be routed.
package struct RouterView {
    /// Which request, and when.
    package var request = 0
    package var time = 0.0
    package var promptLength: Int64 = 0
    package var outputLength: Int64 = 0
    package var session: Int64 = -1
    /// Elements of each column.
    package var count = 0
    /// Whether it can be chosen.
    package var isUp: UnsafePointer<Int32>
    /// Requests that were routed to it and have not ended, and prompt tokens of those without a first token.
    package var inFlight: UnsafePointer<Int64>
    package var queuedTokens: UnsafePointer<Int64>
    /// Requests that wait and run there.
    package var waiting: UnsafePointer<Int64>
    package var running: UnsafePointer<Int64>
    /// Share of its KV blocks in use.
    package var kvUse: UnsafePointer<Double>
    /// Tokens at the start of the prompt that are in its prefix cache.
    package var cachedTokens: UnsafePointer<Int64>
}

/// A router of the caller's.
package struct RouterCallback {
    package typealias Body = (RouterView, ForeignFunction) throws(BatchingError) -> Int64

    private let body: Body
    private let foreign: ForeignFunction

    package init(_ foreign: ForeignFunction, _ body: @escaping Body) {
        self.foreign = foreign
        self.body = body
    }

    func callAsFunction(_ view: RouterView) throws(BatchingError) -> Int64 { try body(view, foreign) }
}

/// What the closure is shown. Empty if there is none.
struct RouterColumns: ~Copyable {
    let isUp: ScratchBuffer<Int32>
    let inFlight: ScratchBuffer<Int64>
    let queuedTokens: ScratchBuffer<Int64>
    let waiting: ScratchBuffer<Int64>
    let running: ScratchBuffer<Int64>
    let kvUse: ScratchBuffer<Double>
    let cachedTokens: ScratchBuffer<Int64>

    init(count: Int) throws(BatchingError) {
        let isUp = try ScratchBuffer<Int32>(count: count, repeating: 0)
        let inFlight = try ScratchBuffer<Int64>(count: count, repeating: 0)
        let queuedTokens = try ScratchBuffer<Int64>(count: count, repeating: 0)
        let waiting = try ScratchBuffer<Int64>(count: count, repeating: 0)
        let running = try ScratchBuffer<Int64>(count: count, repeating: 0)
        let kvUse = try ScratchBuffer<Double>(count: count, repeating: 0)
        let cachedTokens = try ScratchBuffer<Int64>(count: count, repeating: 0)
        self.isUp = isUp
        self.inFlight = inFlight
        self.queuedTokens = queuedTokens
        self.waiting = waiting
        self.running = running
        self.kvUse = kvUse
        self.cachedTokens = cachedTokens
    }

    func view(count: Int) -> RouterView {
        RouterView(
            count: count, isUp: isUp.elements, inFlight: inFlight.elements, queuedTokens: queuedTokens.elements,
            waiting: waiting.elements, running: running.elements, kvUse: kvUse.elements,
            cachedTokens: cachedTokens.elements)
    }
}

// A request goes where something else than the router says; the router counts it there.
extension FleetRun {
    /// The router decides, or what stands in for it. At least one worker is up.
    mutating func routed(_ request: Int, at time: Nanoseconds) throws(BatchingError) -> RoutedRequest {
        let question = question(request, time)
        let worker: Int
        switch chooser {
        case .router: return try router.routed(question)
        case .estimatedTTFT, .estimatedE2E: worker = try estimatedBest(request, at: time)
        case .callback: worker = try asked(request, at: time)
        }
        return RoutedRequest(slot: try router.booked(question, worker: worker), worker: worker)
    }

    /// How many workers the router has.
    private var workerCount: Int { split.isUsed ? split.sourceCount : replicaCount }

    /// The worker in which a request would be done first; of equals, and where none would, the first that is up.
    private mutating func estimatedBest(_ request: Int, at time: Nanoseconds) throws(BatchingError) -> Int {
        let replicas = replicas
        let columns = split.isUsed ? split.prefillRequests : requests
        var (best, least) = (-1, Double.infinity)
        for worker in 0..<workerCount where router.isUp(worker) {
            let replica = Int(split.sources.elements[worker])
            try runOn(replica, to: time)
            let estimate = try replicas[replica].estimated(request, of: columns, turn: turn(of: request))
            let own = chooser == .estimatedTTFT ? estimate.firstToken : estimate.end
            if best < 0 || own < least { (best, least) = (worker, own.isNaN ? .infinity : own) }
        }
        return best
    }

    /// The worker that the caller's closure answers.
    private mutating func asked(_ request: Int, at time: Nanoseconds) throws(BatchingError) -> Int {
        guard let routerCallback else { throw .missingCallback("router_callback") }
        let (replicas, count) = (replicas, workerCount)
        let prompt = HeldPrompt(
            requests: requests, index: request, tokens: max(requests.prompt(request), 1) &- 1,
            longest: requests.prompt(request) &+ requests.output(request))
        for worker in 0..<count {
            try Work.row(worker)
            let replica = Int(split.sources.elements[worker])
            if times.time(of: replica) < Nanoseconds(.max) { try runOn(replica, to: time) }
            let load = replicas[replica].load()
            routerColumns.isUp.elements[worker] = router.isUp(worker) ? 1 : 0
            routerColumns.inFlight.elements[worker] = router.requests(worker)
            routerColumns.queuedTokens.elements[worker] = router.prefillTokens(worker)
            routerColumns.waiting.elements[worker] = load.waiting
            routerColumns.running.elements[worker] = load.running
            routerColumns.kvUse.elements[worker] = load.kvUse
            routerColumns.cachedTokens.elements[worker] = replicas[replica].cachedTokens(prompt)
        }
        var view = routerColumns.view(count: count)
        view.request = request
        view.time = time.seconds
        view.promptLength = requests.prompt(request)
        view.outputLength = requests.output(request)
        if let session = requests.session { view.session = session[request] }
        let answer = try routerCallback(view)
        guard answer >= 0, answer < Int64(count), router.isUp(Int(answer)) else {
            throw .invalid(
                "router_callback's answer for request \(request)", answer,
                "must be a worker in 0..\(count &- 1) that is up")
        }
        return Int(answer)
    }
}
