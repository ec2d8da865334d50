// Static against continuous batching on the four requests of a first lesson: see README.md.
import Batching

let outputLengths = [50, 200, 30, 150]
let requests = outputLengths.enumerated().map { id, outputLength in
    Request(id: id, promptLength: 100, outputLength: outputLength, arrivalTime: Double(id) / 10)
}

for (name, run) in [
    ("static    ", try staticBatchSimulation(requests, batchSize: 2)),
    ("continuous", try continuousBatchSimulation(requests, maxBatchSize: 2)),
] {
    let metrics = try calculateBatchMetrics(run.completedRequests, totalTime: run.totalTime)
    print("\(name)  total \(run.totalTime) s  mean latency \(metrics.averageLatency) s")
}

let comparison = try compareBatchingStrategies(requests, batchSize: 2)
print("continuous batching wins on throughput: \(comparison.throughputImprovement > 1)")
print("continuous batching wins on mean latency: \(comparison.latencyImprovement > 1)")
