"""Four requests, two at a time, 10 ms a token: which way of batching wins?"""

from batching import Request, calculate_batch_metrics, continuous_batch_simulation, static_batch_simulation

requests = [
    Request(id=0, prompt_length=100, output_length=50, arrival_time=0.0),
    Request(id=1, prompt_length=100, output_length=200, arrival_time=0.1),
    Request(id=2, prompt_length=100, output_length=30, arrival_time=0.2),
    Request(id=3, prompt_length=100, output_length=150, arrival_time=0.3),
]
mean_latency = {}
for name, simulate in {"static": static_batch_simulation, "continuous": continuous_batch_simulation}.items():
    completed, total_time, throughput = simulate(requests, 2, time_per_token=0.01)
    for request in completed:
        print(f"{name:10}  request {request.id}: {request.start_time:.1f} s to {request.end_time:.1f} s")
    mean_latency[name] = calculate_batch_metrics(completed, total_time)["avg_latency"]
    print(f"{name:10}  {throughput:.1f} tokens/s in {total_time:.1f} s, mean latency {mean_latency[name]:.3f} s")
print("The winner:", min(mean_latency, key=lambda name: mean_latency[name]))
