"""Dynamo's offline replay (AISimulate) as a process that is asked line by line. It runs in an environment of its own.

Usage: dynamo_replay.py. Each line of the standard input is a JSON object: trace, workers, engine, records. Each line of
the standard output answers one: wall seconds as the replay itself counts them, without reading the trace, and what it
records of each request, where that is asked for.
"""

import importlib
import json
import sys
from typing import Any


def main() -> None:
    """Answer until the input ends."""
    # It is not where the types of these programs are checked.
    dynamo: Any = importlib.import_module("dynamo._core")
    for line in sys.stdin:
        asked = json.loads(line)
        result = dynamo.run_mocker_trace_replay(
            [asked["trace"]],
            extra_engine_args={"engine": asked["engine"]},
            num_workers=asked["workers"],
            router_mode="kv_router",
            router_config=dynamo.KvRouterConfig(),
            trace_block_size=asked["engine"]["block_size"],
            capture_per_request=asked["records"],
            capture_planner_details=False,
        )
        summary = result.summary
        answer: dict[str, Any] = {
            "seconds": summary["wall_time_ms"] / 1e3,
            "completed": summary["completed_requests"],
            "duration": summary["duration_ms"] / 1e3,
            "output_tokens": summary["total_output_tokens"],
        }
        if asked["records"]:
            answer["requests"] = [
                {
                    "arrival": record["arrival_time_ms"],
                    "input_length": record["input_length"],
                    "output_length": record["output_length"],
                    "worker": record["decode_worker_idx"],
                    "first_token": record["first_token_ms"],
                    "last_token": record["last_token_ms"],
                }
                for record in result.per_request
            ]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
