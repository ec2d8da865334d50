"""`batching capacity`: how many sequences fit, and how intense the arithmetic of such a batch is."""

import json as json_text
from inspect import cleandoc
from typing import Annotated, Final

import typer

from batching._columns.display import counted
from batching._command import options
from batching._command.errors import one_sentence_errors
from batching._command.tables import console
from batching._textbook.capacity import calculate_arithmetic_intensity_with_batch, optimal_batch_size

_EXAMPLES: Final = """Example:

\b
  batching capacity --memory 80e9 --model-memory 16e9 --kv-cache-per-token 131072 --max-seq-len 8192"""


def capacity(
    memory: Annotated[float, typer.Option(metavar="BYTES", help="Memory of the GPU that may be used.")],
    model_memory: Annotated[float, typer.Option(metavar="BYTES", help="Weights of the model.")],
    kv_cache_per_token: Annotated[
        float, typer.Option(metavar="BYTES", help="KV cache of one token: 2 x layers x KV heads x head size x bytes.")
    ],
    max_seq_len: Annotated[int, typer.Option(metavar="N", help="Tokens of a sequence, prompt and output together.")],
    flops_per_token: Annotated[
        float, typer.Option(metavar="X", help="Operations per byte of weights and token.")
    ] = 2.0,
    *,
    json: options.Json = False,
) -> None:
    """The largest batch that fits beside the model, and the arithmetic intensity of decoding it."""
    with one_sentence_errors():
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


capacity.__doc__ = f"{cleandoc(capacity.__doc__ or '')}\n\n{_EXAMPLES}"
