// One trace under two schedulers, on the same replica: vLLM's, and static batches. The requests and the model of the
// iteration time are those of examples/c/engine.c, and so are the numbers that both print.
import Batching

let requests = try simulateWorkload(
    requestCount: 300, promptLengthRange: 100...1500, outputLengthRange: 50...450, arrivalRate: 5, seed: 7)

var configuration = EngineConfig()
configuration.maxNumSeqs = 32
configuration.numGPUBlocks = 2000
// An iteration reads the weights in 8 ms, and computes 20,000 prompt tokens a second.
configuration.iterationTime = .affine(AffineTime(base: 0.008, perPrefillToken: 50e-6, perDecodeToken: 100e-6))

for policy in [PolicyName.vllm, .static] {
    configuration.policy = policy
    let run = try Engine.simulate(requests, configuration: configuration)
    let metrics = try calculateBatchMetrics(run.completedRequests, totalTime: run.summary.totalTime)
    print("\(policy): \(run.completedRequests.count) requests in \(run.summary.totalTime.rounded()) s")
    print("  mean TTFT \(hundredths(metrics.averageTimeToFirstToken)) s, p99 E2E \(hundredths(metrics.p99Latency)) s")
}

/// Rounded to hundredths.
func hundredths(_ value: Double) -> Double { (100 * value).rounded() / 100 }
