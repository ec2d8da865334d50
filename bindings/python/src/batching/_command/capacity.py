"""`batching capacity`: how many sequences fit, and how intense the arithmetic of such a batch is."""

import json as json_text
from dataclasses import asdict
from inspect import cleandoc
from typing import Annotated, Any, Final

import typer

from batching._catalogue.deployment import Deployment, DeploymentMemory
from batching._columns.display import Table, count, counted, seconds
from batching._command import options
from batching._command.errors import one_sentence_errors
from batching._command.tables import console, say, show
from batching._command.times import checked_dtype
from batching._ffi.errors import BatchingError
from batching._textbook.capacity import calculate_arithmetic_intensity_with_batch, optimal_batch_size
from batching._times.roofline import RooflineTime

_EXAMPLES: Final = """Examples:

\b
  batching capacity --model Llama-3.1-8B --gpu H100-SXM
  batching capacity --model Llama-3.1-70B --gpu H100-SXM --tp 4 --dtype fp8 --kv-dtype fp8 --max-seq-len 32768
  batching capacity --memory 80e9 --model-memory 16e9 --kv-cache-per-token 131072 --max-seq-len 8192"""

_USUAL_FLOPS_PER_TOKEN: Final = 2.0
_CONTEXTS: Final = (1024, 4096, 16_384, 65_536)


def capacity(  # noqa: PLR0917  (options, which are not passed by position)
    model: options.Model = None,
    gpu: options.GPU = None,
    tensor_parallel: options.TensorParallel = None,
    dtype: options.Dtype = None,
    kv_dtype: options.KVDtype = None,
    gpu_memory_utilization: options.GpuMemoryUtilization = None,
    max_seq_len: Annotated[
        int | None, typer.Option(metavar="N", help="Tokens of a sequence, prompt and output together.")
    ] = None,
    memory: Annotated[
        float | None, typer.Option(metavar="BYTES", help="Without --gpu: memory of the GPU that may be used.")
    ] = None,
    model_memory: Annotated[
        float | None, typer.Option(metavar="BYTES", help="Without --model: weights of the model.")
    ] = None,
    kv_cache_per_token: Annotated[
        float | None,
        typer.Option(
            metavar="BYTES",
            help="Without --model: KV cache of one token, 2 x layers x KV heads x head size x bytes.",
        ),
    ] = None,
    flops_per_token: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help=f"Without --model: operations per byte of weights and token. Else: {_USUAL_FLOPS_PER_TOKEN}.",
        ),
    ] = None,
    *,
    json: options.Json = False,
) -> None:
    """What fits: of a model on a GPU the KV blocks that vLLM would have, how many sequences they hold, and how fast
    these are decoded; or, from bytes alone, the largest batch that fits beside a model, and the arithmetic intensity of
    decoding it.
    """
    with one_sentence_errors():
        by_bytes = {
            "--memory": memory,
            "--model-memory": model_memory,
            "--kv-cache-per-token": kv_cache_per_token,
            "--flops-per-token": flops_per_token,
        }
        by_name = {
            "--model": model,
            "--gpu": gpu,
            "--tp": tensor_parallel,
            "--dtype": dtype,
            "--kv-dtype": kv_dtype,
            "--gpu-memory-utilization": gpu_memory_utilization,
        }
        if any(value is not None for value in by_name.values()):
            _check(by_name, ("--model", "--gpu"), by_bytes)
            deployment = Deployment.of(
                model or "",
                gpu or "",
                1 if tensor_parallel is None else tensor_parallel,
                checked_dtype(dtype, "--dtype"),
                checked_dtype(kv_dtype, "--kv-dtype") or "bf16",
                gpu_memory_utilization=gpu_memory_utilization,
            )
            _tell_deployment(deployment, max_seq_len, json=json)
            return
        by_bytes["--max-seq-len"] = max_seq_len
        _check(by_bytes, ("--memory", "--model-memory", "--kv-cache-per-token", "--max-seq-len"), by_name)
        _tell_batch(
            memory or 0.0,
            model_memory or 0.0,
            kv_cache_per_token or 0.0,
            max_seq_len or 0,
            _USUAL_FLOPS_PER_TOKEN if flops_per_token is None else flops_per_token,
            json=json,
        )


capacity.__doc__ = f"{cleandoc(capacity.__doc__ or '')}\n\n{_EXAMPLES}"


def _check(given: dict[str, Any], needed: tuple[str, ...], others: dict[str, Any]) -> None:
    """Whether options are there that need each other, and none of the other way to ask."""
    for option in needed:
        if given[option] is None:
            raise BatchingError(
                f"{option} is missing: must be there, as {', '.join(needed)} need each other"
                if any(value is not None for value in given.values())
                else "nothing is given: must be --model and --gpu, or " + ", ".join(needed)
            )
    for option, value in others.items():
        if value is not None:
            raise BatchingError(f"{option} is given beside {needed[0]}: must be one of them")


def _tell_deployment(deployment: Deployment, context: int | None, *, json: bool) -> None:
    memory = deployment.memory()
    time = RooflineTime._of_deployment(deployment)
    contexts = _CONTEXTS if context is None else (context,)
    rows = [_held(memory, time, tokens) for tokens in contexts]
    if json:
        told = asdict(memory) | {"expected_error": time.expected_error, "contexts": rows}
        print(json_text.dumps(told, indent=2, allow_nan=False))
        return
    out = console()
    for line in str(memory).splitlines():
        say(out, line)
    out.print()
    if memory.num_gpu_blocks == 0:
        say(out, "The model does not fit: take a greater --tp, or a smaller --dtype.")
        return
    cells = [
        [
            count(row["context"]),
            count(row["sequences"]),
            seconds(row["seconds"]) if row["sequences"] else "-",
            count(row["sequences"] / row["seconds"]) if row["sequences"] else "-",
        ]
        for row in rows
    ]
    show(out, Table("", ["context", "sequences that fit", "an iteration", "tokens/s"], cells), "All of them decode:")
    say(out, f"Times: {time._phrase()}.")


def _held(memory: DeploymentMemory, time: RooflineTime, context: int) -> dict[str, Any]:
    """How many sequences of one context fit, and how long an iteration takes that decodes all of them."""
    concurrency = memory.concurrency(context)
    sequences = int(concurrency)
    took = time.seconds(decode_tokens=sequences, context_tokens=sequences * context) if sequences else None
    return {"context": context, "concurrency": concurrency, "sequences": sequences, "seconds": took}


def _tell_batch(
    memory: float,
    model_memory: float,
    kv_cache_per_token: float,
    max_seq_len: int,
    flops_per_token: float,
    *,
    json: bool,
) -> None:
    size = optimal_batch_size(memory, model_memory, kv_cache_per_token, max_seq_len)
    intensity = (
        calculate_arithmetic_intensity_with_batch(size, model_memory, flops_per_token)
        if size and model_memory
        else None
    )
    if json:
        print(json_text.dumps({"optimal_batch_size": size, "arithmetic_intensity": intensity}, indent=2))
        return
    out = console()
    if size == 0:
        out.print("Not even one sequence fits.")
        return
    out.print(f"Largest batch that fits: {counted(size, 'sequence')} of {counted(max_seq_len, 'token')}")
    if intensity is not None:
        out.print(f"Arithmetic intensity of decoding it: {intensity:,.1f} FLOPs per byte of weights")
