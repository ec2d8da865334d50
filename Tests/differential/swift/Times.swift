import Batching

/// Hashes of what becomes of requests with the times of a model on two GPUs, and with those of a table.
func timesHashes(
    of requests: [Request], _ configuration: EngineConfig
) throws -> (roofline: UInt64, table: UInt64) {
    var deployment = Deployment(
        model: try Catalogue.model(named: "Mixtral-8x7B").value, gpu: try Catalogue.gpu(named: "H100-SXM").value)
    deployment.tensorParallel = 2
    deployment.weightType = .fp8
    let roofline = try hash(of: requests, configuration, .roofline(try deployment.roofline()))

    let sequences = Column([1.0, 48])
    let (tokens, linear) = (Column([1.0, 64, 512]), Column([0.004, 0.005, 0.0131]))
    let head = Column([0.0002, 0.00031])
    let (contexts, decode) = (
        Column([100.0, 7000, 20000]), Column([0.0001, 0.0007, 0.0019, 0.0003, 0.0009, 0.0021])
    )
    let (chunks, before, prefill) = (
        Column([16.0, 300]), Column([0.0, 1000]), Column([0.0001, 0.0003, 0.0011, 0.0047])
    )
    var table = TableTime()
    table.linear = TimeCurve(count: 3, places: tokens.start, seconds: linear.start)
    table.head = TimeCurve(count: 2, places: sequences.start, seconds: head.start)
    table.decode = TimeGrid(
        rowCount: 2, columnCount: 3, rows: sequences.start, columns: contexts.start, seconds: decode.start)
    table.prefill = TimeGrid(
        rowCount: 2, columnCount: 2, rows: chunks.start, columns: before.start, seconds: prefill.start)
    table.decodeScale = 1.1
    table.perIteration = 0.001
    table.perSequence = 5e-6
    table.perPrefillIteration = 0.0003
    let hashes = (roofline, try hash(of: requests, configuration, .table(table)))
    withExtendedLifetime((sequences, tokens, linear, head, contexts, decode, chunks, before, prefill)) {}
    return hashes
}

private func hash(
    of requests: [Request], _ configuration: EngineConfig, _ time: IterationTime
) throws -> UInt64 {
    var configuration = configuration
    configuration.iterationTime = time
    let run = try Engine.simulate(requests, configuration: configuration)
    let inOrder = run.completedRequests.sorted { $0.id < $1.id }
    var hash = FowlerNollVo()
    hash.add(inOrder.map { $0.startTime ?? -1 })
    hash.add(inOrder.map { $0.firstTokenTime ?? -1 })
    hash.add(inOrder.map { $0.endTime ?? -1 })
    hash.add(run.completedRequests.map { Int64($0.id) })
    return hash.hash
}
