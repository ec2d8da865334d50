"""Batching: what happens to latency, throughput and GPU use if LLM requests are batched differently?

Start with lists of `Request`: `static_batch_simulation`, `continuous_batch_simulation`, `compare_batching_strategies`.
For many requests take NumPy columns: `RequestColumns`, `simulate_static`, `simulate_continuous`. `simulate` is a modern
serving engine: vLLM's scheduler with its paged KV cache, and policies to compare it with. Times are seconds, lengths
are tokens. Same input, same bytes out, in every thread, process and machine.
"""

# First of all: Ctrl-C may come while the rest is loaded.
from batching._ffi import interruption

# isort: split
from batching._calibration.calibrate import calibrate
from batching._calibration.calibration import Calibration, CalibrationProgress
from batching._calibration.closed_loop import ClosedLoopCalibration, calibrate_closed_loop, simulate_closed_loops
from batching._calibration.closed_loop_rows import ClosedLoopRow
from batching._calibration.latency_errors import LatencyErrors
from batching._calibration.live import LiveCalibration, LiveCalibrationState
from batching._catalogue.deployment import DeploymentMemory, deployment_memory
from batching._catalogue.gpu import GPU, gpus
from batching._catalogue.model import Model, models
from batching._catalogue.words import Dtype
from batching._columns.columns import CompletedColumns, RequestColumns
from batching._columns.recorded import RecordedRequests
from batching._columns.requests import Request
from batching._engine.attribution import Attribution, AttributionBand, AttributionParts
from batching._engine.callbacks import Iteration, Progress
from batching._engine.client import Client, ThinkTimes
from batching._engine.config import EngineConfig, Policy, QueueOrder
from batching._engine.logs import DecisionLog, IterationLog
from batching._engine.offload import KVOffload
from batching._engine.policy import CustomPolicy, PolicyDecision, PolicyView, PrefixHits
from batching._engine.profile import Profile
from batching._engine.result import Result
from batching._engine.simulate import simulate
from batching._ffi.errors import (
    BatchingBusyError,
    BatchingCancelledError,
    BatchingError,
    BatchingLibraryError,
    BatchingMemoryError,
    BatchingValueError,
    MissingExtraError,
)
from batching._ffi.generated.choices import AccumulatorEvent, EndReason, Event, RequestStatus
from batching._fleet.chooser import CustomRouter, RouterView
from batching._fleet.cost import FleetCost
from batching._fleet.disaggregation import Disaggregation
from batching._fleet.live import LiveFleet
from batching._fleet.live_estimates import FleetEstimate, FleetEstimateColumns
from batching._fleet.live_events import (
    LiveFleetEvent,
    LiveFleetEventColumns,
    LiveFleetOutcome,
    LiveFleetOutcomeColumns,
)
from batching._fleet.live_state import LiveFleetReplicaColumns, LiveFleetState
from batching._fleet.operations import Admission, CustomAutoscaler, Fault, Faults, Scaling, ScalingView
from batching._fleet.pools import Pools
from batching._fleet.result import FleetResult, ReplicaColumns
from batching._fleet.simulate import simulate_fleet
from batching._live.engine import LiveEngine, LiveEngineEvent, LiveEngineEventColumns, LiveEngineState
from batching._live.estimates import Estimate, EstimateColumns
from batching._live.logs import LiveEngineLogs
from batching._metrics.accumulator import Accumulator, AccumulatorState
from batching._metrics.batch import BatchMetrics, LatencyColumns, remaining_tokens, request_latencies
from batching._metrics.load import Load, LoadTimeline, load_over_time
from batching._metrics.serving import SLO, Distribution, ServingMetrics, distribution, measure
from batching._metrics.tools import (
    aiperf_effective_concurrency,
    aiperf_metrics,
    sglang_metrics,
    sglang_steady_state,
    vllm_metrics,
)
from batching._output.fleet_report import write_fleet_report
from batching._output.plot import plot_calibration, plot_comparison, plot_iteration_time, plot_runs
from batching._output.results_file import write_results
from batching._output.schedule_trace import write_schedule_trace
from batching._output.vllm_bench import vllm_bench_json, write_vllm_bench
from batching._routing.router import Explanation, Released, Router, RouterLoad, routers
from batching._scaling.autoscaler import Autoscaler, autoscalers
from batching._textbook.capacity import calculate_arithmetic_intensity_with_batch, optimal_batch_size
from batching._textbook.lesson import (
    RequestLatency,
    StrategyComparison,
    calculate_batch_metrics,
    calculate_request_latency,
    compare_batching_strategies,
    continuous_batch_simulation,
    simulate_workload,
    static_batch_simulation,
)
from batching._textbook.simulators import TextbookResult, simulate_continuous, simulate_static
from batching._times.affine import AffineTime
from batching._times.roofline import RooflineTime
from batching._times.table import TableTime
from batching._traces.known_formats import TRACE_FORMATS
from batching._traces.read import read_runs, read_trace
from batching._traces.trace import Trace, TraceError
from batching._version import __version__
from batching._workloads.conversation import generate_conversation_workload
from batching._workloads.synthetic import (
    Arrivals,
    ConstantArrivals,
    EmpiricalLengths,
    FixedLengths,
    GammaArrivals,
    Lengths,
    LognormalLengths,
    PoissonArrivals,
    Ramp,
    Sessions,
    SharedPrefixes,
    UniformLengths,
    ZipfLengths,
    generate_requests,
)
from batching._workloads.workload import generate_workload

__all__ = [
    "GPU",
    "SLO",
    "TRACE_FORMATS",
    "Accumulator",
    "AccumulatorEvent",
    "AccumulatorState",
    "Admission",
    "AffineTime",
    "Arrivals",
    "Attribution",
    "AttributionBand",
    "AttributionParts",
    "Autoscaler",
    "BatchMetrics",
    "BatchingBusyError",
    "BatchingCancelledError",
    "BatchingError",
    "BatchingLibraryError",
    "BatchingMemoryError",
    "BatchingValueError",
    "Calibration",
    "CalibrationProgress",
    "Client",
    "ClosedLoopCalibration",
    "ClosedLoopRow",
    "CompletedColumns",
    "ConstantArrivals",
    "CustomAutoscaler",
    "CustomPolicy",
    "CustomRouter",
    "DecisionLog",
    "DeploymentMemory",
    "Disaggregation",
    "Distribution",
    "Dtype",
    "EmpiricalLengths",
    "EndReason",
    "EngineConfig",
    "Estimate",
    "EstimateColumns",
    "Event",
    "Explanation",
    "Fault",
    "Faults",
    "FixedLengths",
    "FleetCost",
    "FleetEstimate",
    "FleetEstimateColumns",
    "FleetResult",
    "GammaArrivals",
    "Iteration",
    "IterationLog",
    "KVOffload",
    "LatencyColumns",
    "LatencyErrors",
    "Lengths",
    "LiveCalibration",
    "LiveCalibrationState",
    "LiveEngine",
    "LiveEngineEvent",
    "LiveEngineEventColumns",
    "LiveEngineLogs",
    "LiveEngineState",
    "LiveFleet",
    "LiveFleetEvent",
    "LiveFleetEventColumns",
    "LiveFleetOutcome",
    "LiveFleetOutcomeColumns",
    "LiveFleetReplicaColumns",
    "LiveFleetState",
    "Load",
    "LoadTimeline",
    "LognormalLengths",
    "MissingExtraError",
    "Model",
    "PoissonArrivals",
    "Policy",
    "PolicyDecision",
    "PolicyView",
    "Pools",
    "PrefixHits",
    "Profile",
    "Progress",
    "QueueOrder",
    "Ramp",
    "RecordedRequests",
    "Released",
    "ReplicaColumns",
    "Request",
    "RequestColumns",
    "RequestLatency",
    "RequestStatus",
    "Result",
    "RooflineTime",
    "Router",
    "RouterLoad",
    "RouterView",
    "Scaling",
    "ScalingView",
    "ServingMetrics",
    "Sessions",
    "SharedPrefixes",
    "StrategyComparison",
    "TableTime",
    "TextbookResult",
    "ThinkTimes",
    "Trace",
    "TraceError",
    "UniformLengths",
    "ZipfLengths",
    "__version__",
    "aiperf_effective_concurrency",
    "aiperf_metrics",
    "autoscalers",
    "calculate_arithmetic_intensity_with_batch",
    "calculate_batch_metrics",
    "calculate_request_latency",
    "calibrate",
    "calibrate_closed_loop",
    "compare_batching_strategies",
    "continuous_batch_simulation",
    "deployment_memory",
    "distribution",
    "generate_conversation_workload",
    "generate_requests",
    "generate_workload",
    "gpus",
    "load_over_time",
    "measure",
    "models",
    "optimal_batch_size",
    "plot_calibration",
    "plot_comparison",
    "plot_iteration_time",
    "plot_runs",
    "read_runs",
    "read_trace",
    "remaining_tokens",
    "request_latencies",
    "routers",
    "sglang_metrics",
    "sglang_steady_state",
    "simulate",
    "simulate_closed_loops",
    "simulate_continuous",
    "simulate_fleet",
    "simulate_static",
    "simulate_workload",
    "static_batch_simulation",
    "vllm_bench_json",
    "vllm_metrics",
    "write_fleet_report",
    "write_results",
    "write_schedule_trace",
    "write_vllm_bench",
]

interruption.end()
