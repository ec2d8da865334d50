// A scheduler of your own against vLLM's: shortest remaining first. The requests, the replica and the policy are those of
// examples/c/policy.c, which says why the numbers are what they are, and so are the numbers that both print.
import Batching

let requests = try simulateWorkload(
    requestCount: 300, promptLengthRange: 100...500, outputLengthRange: 10...800, arrivalRate: 2, seed: 7)

/// Serves those with the fewest tokens left, as many as there are slots, and preempts everyone else who runs.
func shortestRemainingFirst(_ view: PolicyView, _ decision: inout PolicyDecision) {
    // How many an output will have is known to an oracle only: a real server would predict it.
    let remaining = (0..<view.count).map { row in
        view.uncomputedTokens(row) + Int64(view.oracleOutputTokens[row] - view.generatedTokens[row])
    }
    // Of equals the first row: who runs goes before who waits.
    let order = (0..<view.count).sorted { (remaining[$0], $0) < (remaining[$1], $1) }
    var budget = view.maxNumBatchedTokens
    for row in order.prefix(view.maxNumSeqs) where budget > 0 {
        let tokens = min(view.uncomputedTokens(row), budget)
        decision.schedule(row, tokens: tokens)
        budget -= tokens
    }
    for row in order.dropFirst(view.maxNumSeqs) where view.runningRows.contains(row) { decision.preempt(row) }
}

var configuration = EngineConfig()
configuration.maxNumSeqs = 8
configuration.iterationTime = .affine(AffineTime(base: 0.012, perPrefillToken: 50e-6, perDecodeToken: 100e-6))
configuration.customPolicy = shortestRemainingFirst

for policy in [PolicyName.vllm, .custom] {
    configuration.policy = policy
    let run = try Engine.simulate(requests, configuration: configuration)
    let metrics = try calculateBatchMetrics(run.completedRequests, totalTime: run.summary.totalTime)
    print(policy == .vllm ? "vllm" : "shortest remaining first")
    print("  mean E2E \(hundredths(metrics.averageLatency)) s, p99 E2E \(hundredths(metrics.p99Latency)) s")
    print("  \(run.summary.preemptions) preemptions, the end after \(hundredths(run.summary.totalTime)) s")
}

/// Rounded to hundredths.
func hundredths(_ value: Double) -> Double { (100 * value).rounded() / 100 }
