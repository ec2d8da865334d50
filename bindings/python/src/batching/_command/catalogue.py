"""`batching gpus` and `batching models`: what can be named."""

import json as json_text
from collections.abc import Sequence
from dataclasses import asdict
from inspect import cleandoc
from typing import Annotated, Any, Final

import typer

from batching._catalogue.deployment import deployment_memory
from batching._catalogue.gpu import GPU
from batching._catalogue.gpu import gpus as all_gpus
from batching._catalogue.model import Model
from batching._catalogue.model import models as all_models
from batching._columns.display import Table
from batching._command import options
from batching._command.errors import one_sentence_errors
from batching._command.tables import console, say, show

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one, with all that is known of it.")]
_GPUS: Final = """Examples:

\b
  batching gpus
  batching gpus H100-SXM --json"""
_MODELS: Final = """Examples:

\b
  batching models
  batching models Llama-3.1-8B"""
_LINKS: Final = {"none": "", "nvlink": "", "pcie": " PCIe"}


def gpus(name: Name = None, *, json: options.Json = False) -> None:
    """The GPUs that --gpu takes: dense peaks of their data sheets, without sparsity."""
    with one_sentence_errors():
        found = all_gpus() if name is None else [GPU.named(name)]
        if json:
            _print_json([asdict(gpu) for gpu in found], name)
            return
        if name is not None:
            _tell(asdict(found[0]))
            return
        out = console()
        show(out, _gpu_table(found), "")
        say(out, "GiB and GB/s of memory; dense TFLOP/s in bf16, fp8, fp4; GB/s to other GPUs.")


def models(name: Name = None, *, json: options.Json = False) -> None:
    """The models that --model takes; it also takes the path of a config.json."""
    with one_sentence_errors():
        found = all_models() if name is None else [Model.named(name)]
        if json:
            _print_json([asdict(model) | _sizes(model) for model in found], name)
            return
        if name is not None:
            _tell(asdict(found[0]) | _sizes(found[0]))
            return
        out = console()
        show(out, _model_table(found), "")
        say(
            out,
            "Parameters in billions: in all, and of those what a token goes through without the embedding; KV bytes of "
            "a token in bf16; tokens of the sliding window.",
        )


gpus.__doc__ = f"{cleandoc(gpus.__doc__ or '')}\n\n{_GPUS}"
models.__doc__ = f"{cleandoc(models.__doc__ or '')}\n\n{_MODELS}"


def _print_json(found: list[dict[str, Any]], name: str | None) -> None:
    print(json_text.dumps(found if name is None else found[0], indent=2, allow_nan=False))


def _gpu_table(found: Sequence[GPU]) -> Table:
    rows = [
        [
            gpu.name,
            f"{gpu.memory_bytes / 2**30:,.0f}",
            f"{gpu.memory_bandwidth / 1e9:,.0f}",
            *(_tera(peak) for peak in (gpu.bf16_peak, gpu.fp8_peak, gpu.fp4_peak)),
            "-" if gpu.link_bandwidth is None else f"{gpu.link_bandwidth / 1e9:,.0f}{_LINKS[gpu.link_type]}",
        ]
        for gpu in found
    ]
    return Table("", ["GPU", "GiB", "GB/s", "bf16", "fp8", "fp4", "link"], rows)


def _model_table(found: Sequence[Model]) -> Table:
    rows = []
    for model in found:
        sizes = _sizes(model)
        rows.append(
            [
                model.name,
                _giga(sizes["parameters"]),
                _giga(sizes["active_parameters"]),
                f"{model.num_experts_per_tok} of {model.num_experts}" if model.num_experts else "-",
                f"{sizes['kv_bytes_per_token']:,.0f}",
                str(model.sliding_window or "-"),
            ]
        )
    return Table("", ["model", "total", "active", "experts", "KV bytes", "window"], rows)


def _sizes(model: Model) -> dict[str, float]:
    """What follows from the architecture alone."""
    memory = deployment_memory(model, GPU(memory_bytes=1e12, memory_bandwidth=1e12, bf16_peak=1e12), dtype="bf16")
    return {
        "parameters": memory.parameters,
        "active_parameters": memory.active_parameters,
        "kv_bytes_per_token": memory.kv_bytes_per_token,
    }


def _tell(values: dict[str, Any]) -> None:
    """One thing, with all that is known of it."""
    out = console()
    told = {name: _written(value) for name, value in values.items() if value is not None and value != ""}
    width = max(map(len, told))
    for name, value in told.items():
        say(out, f"{name.ljust(width)}  {value}")


def _written(value: object) -> str:
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}"


def _tera(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e12:,.0f}"


def _giga(value: float) -> str:
    return f"{value / 1e9:,.1f}"
