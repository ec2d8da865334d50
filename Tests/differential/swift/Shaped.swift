import Batching

/// Hashes of requests that arrive in clumps, differ much in length, and share prefixes and conversations.
func shapedHashes(count: Int, seed: UInt64) throws -> (workload: UInt64, hashIDs: UInt64) {
    var workload = Workload()
    workload.seed = seed
    workload.arrivals.gaps = .gamma
    workload.arrivals.rate = 10
    workload.arrivals.burstiness = 0.5
    workload.arrivals.ramp = .linear
    workload.arrivals.rampEndRate = 20
    workload.arrivals.rampRequests = 100
    workload.arrivals.burstSize = 2
    workload.arrivals.onTime = 30
    workload.arrivals.offTime = 5
    workload.promptLength = LengthDistribution(50...200)
    workload.promptLength.kind = .lognormal
    workload.promptLength.median = 100
    workload.promptLength.sigma = 1
    workload.outputLength = LengthDistribution(1...400)
    workload.outputLength.kind = .zipf
    workload.outputLength.exponent = 1.1
    workload.prefixes.groups = 10
    workload.prefixes.length = 64
    workload.prefixes.exponent = 1
    workload.sessions.turnsMinimum = 1
    workload.sessions.turnsMaximum = 4
    workload.sessions.thinkTimes.mean = 5

    var prompts = [Int32](repeating: 0, count: count)
    var outputs = prompts
    var arrivals = [Double](repeating: 0, count: count)
    try workload.generate(count: count, promptLength: &prompts, outputLength: &outputs, arrivalTime: &arrivals)
    let needed = try workload.generateHashes(count: count, offsets: nil, ids: nil, capacity: 0)
    var offsets = [Int64](repeating: 0, count: count + 1)
    var ids = [Int64](repeating: 0, count: Int(needed))
    _ = try workload.generateHashes(count: count, offsets: &offsets, ids: &ids, capacity: ids.count)

    var (columns, hashIDs) = (FowlerNollVo(), FowlerNollVo())
    columns.add(prompts)
    columns.add(outputs)
    columns.add(arrivals)
    hashIDs.add(offsets)
    hashIDs.add(ids)
    return (columns.hash, hashIDs.hash)
}
