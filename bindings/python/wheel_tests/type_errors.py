"""A user's mistakes, each of which mypy has to find: where `# error: CODE` stands, and nowhere else."""

import batching

requests = batching.generate_workload(100)
batching.simulate(requests, policy="fifo")  # error: arg-type
batching.simulate(requests, slots=64)  # error: call-arg
batching.simulate(requests, max_num_seqs="64")  # error: arg-type
batching.simulate(requests, iteration_time=lambda iteration: iteration.prefils * 1e-5)  # error: attr-defined
run = batching.simulate(requests)
print(run.total_tme)  # error: attr-defined
seconds: int = run.total_time  # error: assignment
print(run.iteration_log.start_time)  # error: union-attr
batching.measure(run)  # error: arg-type
metrics = run.metrics()
print(metrics["avg_latancy"])  # error: typeddict-item
completed, total_time, throughput = batching.static_batch_simulation(requests, 2)  # error: arg-type
