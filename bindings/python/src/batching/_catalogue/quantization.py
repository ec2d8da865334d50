"""From the quantization_config of a config.json to the type of the weights."""

from collections.abc import Mapping
from typing import Any, Final

from batching._catalogue.words import Dtype
from batching._ffi.arguments import shown
from batching._ffi.errors import BatchingValueError

_OF_METHOD: Final[dict[str, Dtype]] = {"fp8": "fp8", "fbgemm_fp8": "fp8", "mxfp4": "fp4", "w8a8_int8": "int8"}
_OF_BITS: Final[dict[tuple[str, int], Dtype]] = {
    ("float", 8): "fp8",
    ("float", 4): "fp4",
    ("int", 8): "int8",
    ("int", 4): "int4",
}


def weight_dtype_of(quantization: Any) -> Dtype:
    """bf16 without one. Types that are not known are an error: they would be taken for four times as large."""
    if quantization is None:
        return "bf16"
    if not isinstance(quantization, Mapping):
        raise TypeError(f"quantization_config is {shown(quantization)}: must be an object")
    method = quantization.get("quant_method")
    found: Dtype | None = None
    if method in _OF_METHOD:
        found = _OF_METHOD[method]
    elif method in {"awq", "gptq", "auto-round", "intel/auto-round"}:
        found = _OF_BITS.get(("int", quantization.get("bits", quantization.get("w_bit", 4))))
    elif method == "bitsandbytes":
        found = "int4" if quantization.get("load_in_4bit") else "int8"
    elif method == "compressed-tensors":
        found = _of_compressed_tensors(quantization)
    elif method == "modelopt":
        algorithm = str(quantization.get("quant_algo", "")).upper()
        found = "fp4" if "FP4" in algorithm else "fp8" if "FP8" in algorithm else None
    if found is None:
        raise BatchingValueError(
            f"quantization_config has the quant_method {shown(method)} in a form that is not known here: leave "
            f"quantization_config out, and give dtype"
        )
    return found


def _of_compressed_tensors(quantization: Mapping[str, Any]) -> Dtype | None:
    groups = quantization.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if isinstance(weights, Mapping):
            return _OF_BITS.get((str(weights.get("type")), weights.get("num_bits", 0)))
    return None
