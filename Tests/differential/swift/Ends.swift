import Batching

/// A hash of what becomes of requests of which some get fewer tokens than they asked for, and some leave; and how many left.
func endsHash(of requests: [Request], _ configuration: EngineConfig) throws -> (hash: UInt64, aborted: Int64) {
    let count = requests.count
    let prompts = Column(requests.map { Int32($0.promptLength) })
    let outputs = Column(requests.map { Int32($0.outputLength) })
    let arrivals = Column(requests.map(\.arrivalTime))
    let asked = Column(requests.enumerated().map { Int32($1.outputLength + $0 % 3) })
    let left = Column(requests.enumerated().map { $0 % 7 == 3 ? $1.arrivalTime + Double($0 % 11) / 4 : .nan })
    let (starts, firstTokens, ends) = (Column(count, of: -1.0), Column(count, of: -1.0), Column(count, of: -1.0))
    let order = Column(count, of: Int64(-1))
    let (tokens, statuses) = (Column(count, of: Int32(-1)), Column(count, of: Int32(-1)))
    let summary = try Engine.simulate(
        RequestColumns(
            count: count, promptLength: prompts.start, outputLength: outputs.start, arrivalTime: arrivals.start,
            maxTokens: asked.start, abortTime: left.start),
        configuration: configuration,
        results: ResultColumns(
            startTime: starts.start, firstTokenTime: firstTokens.start, endTime: ends.start,
            tokensGenerated: tokens.start, completionOrder: order.start, status: statuses.start))
    var hash = FowlerNollVo()
    for column in [starts, firstTokens, ends] { hash.add(column.values) }
    hash.add(order.values)
    for column in [tokens, statuses] { hash.add(column.values) }
    return (hash.hash, summary.aborted)
}

/// A hash of what becomes of seven sessions that clients send, of which some think for long, and few may be in flight; and
/// how many were not sent.
func closedHash(of requests: [Request], _ configuration: EngineConfig) throws -> (hash: UInt64, notSent: Int64) {
    let count = requests.count
    let prompts = Column(requests.map { Int32($0.promptLength) })
    let outputs = Column(requests.map { Int32($0.outputLength) })
    let sessions = Column((0..<count).map { Int64($0 % 7) })
    let delays = Column((0..<count).map { Double($0 % 4) / 8 })
    let (arrivals, sent, ends) = (Column(count, of: -1.0), Column(count, of: -1.0), Column(count, of: -1.0))
    let held = Column(count, of: -1.0)
    let (tokens, statuses) = (Column(count, of: Int32(-1)), Column(count, of: Int32(-1)))
    var client = ClientConfig()
    client.maxConcurrency = 3
    client.clients = 5
    client.rampUp = 1
    client.thinkTimes.kind = .lognormal
    client.thinkTimes.mean = 0.5
    client.thinkTimes.sigma = 1
    client.seed = 9
    let summary = try Engine.simulate(
        RequestColumns(
            count: count, promptLength: prompts.start, outputLength: outputs.start, session: sessions.start,
            delay: delays.start),
        client: client, configuration: configuration,
        results: ResultColumns(
            endTime: ends.start, tokensGenerated: tokens.start, status: statuses.start, arrivalTime: arrivals.start,
            sentTime: sent.start),
        attribution: AttributionColumns(waitingForClient: held.start))
    var hash = FowlerNollVo()
    for column in [arrivals, sent, ends, held] { hash.add(column.values) }
    for column in [tokens, statuses] { hash.add(column.values) }
    return (hash.hash, summary.notSent)
}

/// Values at an address that stays.
final class Column<Element> {
    private let elements: UnsafeMutableBufferPointer<Element>

    init(_ values: [Element]) {
        elements = .allocate(capacity: values.count)
        _ = elements.initialize(from: values)
    }

    convenience init(_ count: Int, of value: Element) { self.init(.init(repeating: value, count: count)) }

    deinit { elements.deallocate() }

    var start: UnsafeMutablePointer<Element>? { elements.baseAddress }
    var values: [Element] { Array(elements) }
}
