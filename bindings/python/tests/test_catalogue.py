"""Models and GPUs by name, from a config.json, and what fits into a GPU's memory."""

import dataclasses
import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from batching import (
    GPU,
    BatchingValueError,
    EngineConfig,
    Model,
    RooflineTime,
    deployment_memory,
    gpus,
    models,
)
from hugging_face_configs import DEEPSEEK_V3, GEMMA_3, GPT_OSS, LLAMA, LLAMA_4, MIXTRAL, PUBLISHED, QWEN2, QWEN3_MOE

PLAIN = GPU(memory_bytes=80e9, memory_bandwidth=2e12, bf16_peak=5e14)


def refused(call: Any) -> str:
    with pytest.raises((ValueError, TypeError)) as raised:
        call()
    return str(raised.value)


# --- By name ----------------------------------------------------------------------------------------------------------


def test_every_gpu_and_every_model_has_a_name_that_finds_it() -> None:
    for gpu in gpus():
        assert GPU.named(gpu.name) == gpu
        assert GPU.named(gpu.name.lower().replace("-", " ")) == gpu
        assert gpu.source
        assert gpu.memory_bytes > 1e10
    for model in models():
        assert Model.named(model.name) == model
        assert Model.named(f"someone/{model.name}-Instruct") == model
        assert model.source
    assert [gpu.name for gpu in gpus()] == sorted((gpu.name for gpu in gpus()), key=str.lower)
    assert len({model.name for model in models()}) == len(models()) >= 31


def test_a_name_that_is_unknown_lists_those_that_are_near() -> None:
    assert "near it are H100-" in refused(lambda: GPU.named("H1000"))
    assert "Llama-3.1-8B" in refused(lambda: Model.named("Llama-3.1-9B"))
    assert refused(lambda: GPU.named(3)) == "name is 3: must be a string"  # type: ignore[arg-type]
    assert "must be one of" in refused(lambda: Model.named(""))
    # Nor does this end the name, as it would in C.
    assert Model.named("Llama\0-3.1-8B").name == "Llama-3.1-8B"


def test_values_are_compared_copied_and_cannot_be_changed() -> None:
    for value in (GPU.named("L4"), Model.named("Qwen3-8B")):
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301
        assert dataclasses.replace(value) == value
        assert {value: 1}[dataclasses.replace(value)] == 1
        with pytest.raises(dataclasses.FrozenInstanceError):
            value.name = "other"  # type: ignore[misc]
    assert repr(GPU.named("H100-SXM")).startswith("GPU('H100-SXM', 85.52 GB at 3,350 GB/s, 989.4 TFLOP/s")
    assert repr(PLAIN) == "GPU(of your own, 80 GB at 2,000 GB/s, 500 TFLOP/s in bf16)"
    assert repr(Model.named("Mixtral-8x7B")) == "Model('Mixtral-8x7B', 32 layers of 4096, 32 heads, 2 of 8 experts)"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: GPU(memory_bytes="x", memory_bandwidth=1, bf16_peak=1), "memory_bytes is 'x': must be a number"),  # type: ignore[arg-type]
        (lambda: dataclasses.replace(PLAIN, memory_type="ddr"), "memory_type is 'ddr': must be one of 'hbm', 'gddr'"),  # type: ignore[arg-type]
        (lambda: dataclasses.replace(PLAIN, link_type=7), "link_type is 7: must be one of 'none', 'nvlink', 'pcie'"),  # type: ignore[arg-type]
        (lambda: dataclasses.replace(Model.named("Yi-34B"), head_dim=-1), "head_dim is -1: must be between 0 and"),
        (lambda: dataclasses.replace(Model.named("Yi-34B"), vocab_size=1.5), "vocab_size is 1.5: must be an integer"),  # type: ignore[arg-type]
        (lambda: dataclasses.replace(Model.named("Yi-34B"), tie_word_embeddings=1), "is 1: must be True or False"),  # type: ignore[arg-type]
        (lambda: dataclasses.replace(Model.named("Yi-34B"), weight_dtype="f16"), "weight_dtype is 'f16': must be one"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_the_wrong_type_is_named(call: Any, sentence: str) -> None:
    assert sentence in refused(call)


# --- From a config.json -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_config_is_the_model_of_that_name(name: str) -> None:
    """The catalogue has the numbers from elsewhere: they are the same, or mean the same."""
    read, known = Model.from_hugging_face(PUBLISHED[name], name=name), Model.named(name)
    for memory in ("parameters", "active_parameters", "kv_bytes_per_token"):
        assert getattr(deployment_memory(read, PLAIN, dtype="bf16"), memory) == getattr(
            deployment_memory(known, PLAIN, dtype="bf16"), memory
        ), memory
    told = [RooflineTime.for_deployment(each, "H200-SXM", dtype="bf16") for each in (read, known)]
    assert told[0] == told[1]


def test_the_parameters_are_those_that_are_published() -> None:
    # As the page of each model says, in billions: with all experts, and what a token goes through with its embedding.
    for name, total, active in (("Qwen3-30B-A3B", 30.5, 3.3), ("DeepSeek-V3", 671, 37), ("Mixtral-8x7B", 46.7, 12.9),
                                ("gpt-oss-20b", 20.9, 3.6), ("Llama-3.1-8B", 8.03, 8.03)):  # fmt: skip
        model = Model.from_hugging_face(PUBLISHED[name])
        memory = deployment_memory(model, PLAIN)
        embedding = 0 if name.startswith("gpt") else model.vocab_size * model.hidden_size
        assert memory.parameters / 1e9 == pytest.approx(total, rel=0.002)
        assert (memory.active_parameters + embedding) / 1e9 == pytest.approx(active, rel=0.05)


def test_a_config_is_read_from_a_file_or_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "My-Model"
    folder.mkdir()
    file = folder / "config.json"
    file.write_text(json.dumps(LLAMA))
    read = [Model.from_hugging_face(path) for path in (file, folder, str(file))]
    assert read[0] == read[1] == read[2]
    assert read[0].name == "My-Model"
    assert deployment_memory(str(folder), PLAIN).model == read[0]
    assert (
        EngineConfig.for_deployment(LLAMA, "L4").num_gpu_blocks
        == EngineConfig.for_deployment("Llama-3.1-8B", "L4").num_gpu_blocks
    )
    file.write_text("{")
    assert "config.json is no JSON: " in refused(lambda: Model.from_hugging_face(file))
    file.write_text("[1]")
    assert "is [1]: must be a JSON object" in refused(lambda: Model.from_hugging_face(file))
    with pytest.raises(FileNotFoundError):
        Model.from_hugging_face(tmp_path / "none.json")


@pytest.mark.parametrize(
    "missing", ["num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size", "intermediate_size"]
)
def test_a_missing_field_is_named(missing: str) -> None:
    config = {name: value for name, value in LLAMA.items() if name != missing}
    assert refused(lambda: Model.from_hugging_face(config)) == f"{missing} is missing: a config.json must have it"
    nested = {"text_config": config, "model_type": "mistral3"}
    assert refused(lambda: Model.from_hugging_face(nested)).startswith(f"text_config.{missing} is missing")


def test_a_missing_field_of_experts_or_latents_is_named() -> None:
    for config, missing in ((MIXTRAL, "num_experts_per_tok"), (DEEPSEEK_V3, "v_head_dim")):
        lacking = {name: value for name, value in config.items() if name != missing}
        assert refused(lambda: Model.from_hugging_face(lacking)).startswith(f"{missing} is missing")  # noqa: B023


def test_experts_stand_in_some_layers() -> None:
    # Of 48 layers: every second; but not the first four; but not two that are named; from the fourth on.
    for changed, dense in (
        ({"decoder_sparse_step": 2}, 24),
        ({"decoder_sparse_step": 2, "mlp_only_layers": [0, 1, 3]}, 26),
        ({"mlp_only_layers": [5, 7]}, 2),
        ({"first_k_dense_replace": 4}, 4),
        ({"moe_layer_freq": [0] * 3 + [1] * 45}, 3),
        ({"moe_layer_freq": 2}, 24),
        ({"moe_layers": [1, 3]}, 46),
    ):
        assert Model.from_hugging_face(QWEN3_MOE | changed).dense_layers == dense, changed
    llama = Model.from_hugging_face(LLAMA_4)
    assert (llama.dense_layers, llama.intermediate_size, llama.moe_intermediate_size) == (24, 16384, 8192)
    assert llama.shared_expert_intermediate_size == 8192
    assert Model.from_hugging_face(DEEPSEEK_V3 | {"n_shared_experts": 3}).shared_expert_intermediate_size == 6144
    qwen = QWEN3_MOE | {"shared_expert_intermediate_size": 5632}
    assert Model.from_hugging_face(qwen).shared_expert_intermediate_size == 5632


def test_windows() -> None:
    def window(config: dict[str, Any]) -> tuple[int, int]:
        model = Model.from_hugging_face(config)
        return model.sliding_window, model.full_attention_layers

    assert window(LLAMA) == (0, 0)
    assert window(LLAMA | {"sliding_window": 4096}) == (4096, 0)
    assert window(QWEN2) == (0, 0)
    assert window(QWEN2 | {"use_sliding_window": True, "max_window_layers": 20}) == (131072, 20)
    assert window(GPT_OSS) == (128, 12)
    # Every sixth layer of 62.
    assert window(GEMMA_3) == (1024, 10)
    assert window(LLAMA | {"sliding_window": 512, "sliding_window_pattern": "LLLG"}) == (512, 8)
    assert window(LLAMA | {"sliding_window": 512, "layer_types": ["full_attention"] * 32}) == (0, 0)
    assert window(LLAMA | {"model_type": "gemma2", "head_dim": 256}) == (4096, 16)
    bad = LLAMA | {"layer_types": ["linear_attention"] * 32}
    assert refused(lambda: Model.from_hugging_face(bad)).startswith(
        "layer_types[0] is 'linear_attention': must be one of"
    )


def test_tied_embeddings() -> None:
    assert Model.from_hugging_face(GEMMA_3).tie_word_embeddings
    assert not Model.from_hugging_face(LLAMA).tie_word_embeddings
    tied = Model.from_hugging_face(LLAMA | {"tie_word_embeddings": True})
    untied = Model.from_hugging_face(LLAMA)
    # The output head is not there a second time.
    difference = [deployment_memory(each, PLAIN).parameters for each in (untied, tied)]
    assert difference[0] - difference[1] == 128256 * 4096


@pytest.mark.parametrize(
    ("quantization", "dtype"),
    [
        (None, "bf16"),
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "awq", "bits": 4}, "int4"),
        ({"quant_method": "gptq", "bits": 8}, "int8"),
        ({"quant_method": "mxfp4"}, "fp4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "int4"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "fp4"),
        ({"quant_method": "compressed-tensors",
          "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}}}, "fp8"),
        ({"quant_method": "compressed-tensors",
          "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}}}}, "int4"),
    ],
)  # fmt: skip
def test_how_weights_are_published_is_what_they_are_without_a_dtype(quantization: Any, dtype: str) -> None:
    model = Model.from_hugging_face(LLAMA | {"quantization_config": quantization})
    assert model.weight_dtype == dtype
    assert deployment_memory(model, PLAIN).dtype == dtype
    assert (
        deployment_memory(model, PLAIN, dtype="bf16").weight_bytes
        == deployment_memory("Llama-3.1-8B", PLAIN).weight_bytes
    )


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"quantization_config": {"quant_method": "aqlm"}},
            "quantization_config has the quant_method 'aqlm' in a form",
        ),
        ({"quantization_config": {"quant_method": "gptq", "bits": 3}}, "give dtype"),
        ({"quantization_config": 3}, "quantization_config is 3: must be an object"),
        ({"model_type": "gpt2"}, "model_type is 'gpt2': must be of a model with attention, and feed-forward layers of"),
        ({"model_type": "mamba"}, "model_type is 'mamba': must be"),
        ({"hidden_size": "4096"}, "hidden_size is '4096': must be an integer"),
        ({"hidden_size": -1}, "hidden_size is -1: must be between 0 and"),
        ({"layer_types": "full"}, "layer_types is 'full': must be a list"),
        (
            {"num_local_experts": 8, "num_experts_per_tok": 2, "mlp_only_layers": 3},
            "mlp_only_layers is 3: must be a list",
        ),
        (
            {"num_local_experts": 8, "num_experts_per_tok": 2, "moe_layer_freq": 1.5},
            "moe_layer_freq is 1.5: must be an",
        ),
        ({"num_hidden_layers": 2**31 - 1}, "num_hidden_layers is 2147483647: must be between 0 and 65536"),
    ],
)
def test_a_config_that_cannot_be_counted_is_refused(changed: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(lambda: Model.from_hugging_face(LLAMA | changed))


def test_other_things_are_no_config() -> None:
    assert refused(lambda: Model.from_hugging_face(3)) == (  # type: ignore[arg-type]
        "config is 3: must be a path, or what stands in a config.json"
    )
    assert refused(lambda: deployment_memory(3, PLAIN)) == (  # type: ignore[arg-type]
        "model is 3: must be a Model, a name, a path of a config.json, or what stands in one"
    )
    assert refused(lambda: deployment_memory("Llama-3.1-8B", 3)) == "gpu is 3: must be a GPU, or the name of one"  # type: ignore[arg-type]


# --- What fits --------------------------------------------------------------------------------------------------------


def test_the_blocks_are_what_is_left_of_the_memory() -> None:
    memory = deployment_memory(
        "Llama-3.1-8B", PLAIN, gpu_memory_utilization=0.5, activation_bytes=2e9, graph_bytes=1e9, other_bytes=5e8
    )
    # 8,030,261,248 parameters of 2 bytes: 32 layers of 4096 x (4096 + 2 x 1024 + 4096) + 3 x 4096 x 14336 and two
    # norms, embedding and head of 128256 x 4096 each, and a norm. 8 KV heads of 128, twice, in 32 layers: 131,072.
    assert memory.parameters == 8_030_261_248
    assert memory.kv_bytes_per_token == 2 * 32 * 8 * 128 * 2 == 131_072
    assert memory.kv_bytes == 40e9 - memory.weight_bytes - 3.5e9
    assert memory.weight_bytes == pytest.approx(16_060_522_496, rel=1e-3)
    assert memory.num_gpu_blocks == math.floor(memory.kv_bytes / (16 * 131_072))
    assert memory.kv_tokens == (memory.num_gpu_blocks - 1) * 16
    # Of 1,000 tokens a sequence takes 63 blocks.
    assert memory.concurrency(1000) == (memory.num_gpu_blocks - 1) / 63
    assert memory.ridge_point == 5e14 / 2e12


def test_types_and_tensor_parallelism() -> None:
    one = deployment_memory("Llama-3.1-70B", "H100-SXM", dtype="fp8", kv_dtype="fp8")
    eight = deployment_memory("Llama-3.1-70B", "H100-SXM", 8, dtype="fp8", kv_dtype="fp8")
    sixteen = deployment_memory("Llama-3.1-70B", "H100-SXM", 16, dtype="fp8", kv_dtype="fp8")
    assert one.kv_bytes_per_token == 2 * 80 * 8 * 128
    assert eight.kv_bytes_per_token == one.kv_bytes_per_token / 8
    # There are eight KV heads: sixteen GPUs have one each, twice in all.
    assert sixteen.kv_bytes_per_token == eight.kv_bytes_per_token
    assert eight.weight_bytes == pytest.approx(one.weight_bytes / 8, rel=1e-3)
    latent = [deployment_memory("DeepSeek-V3", "H200-SXM", parallel, dtype="fp8") for parallel in (1, 8)]
    assert latent[0].kv_bytes_per_token == latent[1].kv_bytes_per_token == 61 * (512 + 64) * 2
    assert latent[0].num_gpu_blocks == 0
    assert latent[1].num_gpu_blocks > 0


def test_what_fits_reads_as_a_table() -> None:
    memory = deployment_memory("Llama-3.1-8B", "RTX-4090", kv_dtype="fp8")
    assert str(memory).splitlines()[0] == "Memory of Llama-3.1-8B (bf16, KV fp8) on RTX-4090"
    assert "  KV bytes a token                    65,536" in str(memory)
    assert "CUDA graphs" not in str(memory)
    assert "CUDA graphs" in str(deployment_memory("Llama-3.1-8B", "RTX-4090", graph_bytes=1e9))
    assert repr(memory).startswith("DeploymentMemory(Llama-3.1-8B (bf16, KV fp8) on RTX-4090: weights 16.06 GB, ")
    assert "<table>" in memory._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"tensor_parallel": 3}, "tensor_parallel is 3: must be a power of two"),
        ({"tensor_parallel": 0}, "tensor_parallel is 0: must be"),
        ({"tensor_parallel": 1.5}, "tensor_parallel is 1.5: must be an integer"),
        ({"dtype": "f16"}, "dtype is 'f16': must be one of 'bf16', 'fp8', 'int8', 'fp4', 'int4'"),
        ({"dtype": 8}, "dtype is 8: must be one of"),
        ({"kv_dtype": "int4"}, "kv_dtype is 'int4': must be one of 'bf16', 'fp8', 'int8'"),
        ({"gpu_memory_utilization": 1.5}, "gpu_memory_utilization is 1.5: must be above 0 and at most 1"),
        ({"gpu_memory_utilization": 0.0}, "gpu_memory_utilization is 0.0: must be greater than 0"),
        ({"block_size": 0}, "block_size is 0: must be between 1 and 65536"),
        ({"max_num_seqs": 0}, "max_num_seqs is 0: must be"),
        ({"activation_bytes": -1.0}, "activation_bytes is -1.0: must be"),
        ({"graph_bytes": -1.0}, "graph_bytes is -1.0: must be"),
        ({"other_bytes": "x"}, "other_bytes is 'x': must be a number"),
    ],
)
def test_what_is_wrong_with_a_deployment_is_a_sentence(arguments: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(lambda: deployment_memory("Llama-3.1-8B", "H100-SXM", **arguments))


def test_a_gpu_without_a_link_is_for_one() -> None:
    assert refused(lambda: deployment_memory("Llama-3.1-8B", PLAIN, 2)) == (
        "tensor_parallel is 2: must be 1 with a GPU of which no link is known"
    )


# --- An engine --------------------------------------------------------------------------------------------------------


def test_an_engine_has_the_times_and_the_blocks_of_a_deployment() -> None:
    config = EngineConfig.for_deployment("Llama-3.1-70B", "H100-SXM", tensor_parallel=4, dtype="fp8", max_num_seqs=64)
    assert config.iteration_time == RooflineTime.for_deployment("Llama-3.1-70B", "H100-SXM", 4, dtype="fp8")
    memory = deployment_memory("Llama-3.1-70B", "H100-SXM", 4, dtype="fp8", max_num_seqs=64)
    assert config.num_gpu_blocks == memory.num_gpu_blocks
    assert config.max_num_seqs == 64
    # What is given is taken.
    own = EngineConfig.for_deployment("Llama-3.1-405B", "L4", num_gpu_blocks=100, iteration_time=0.5)
    assert own == EngineConfig(num_gpu_blocks=100, iteration_time=0.5)
    larger = EngineConfig.for_deployment("Llama-3.1-8B", "L4", block_size=32)
    smaller = EngineConfig.for_deployment("Llama-3.1-8B", "L4")
    assert larger.num_gpu_blocks is not None
    assert smaller.num_gpu_blocks is not None
    assert abs(2 * larger.num_gpu_blocks - smaller.num_gpu_blocks) <= 2


def test_a_model_that_does_not_fit_says_by_how_much() -> None:
    with pytest.raises(
        BatchingValueError, match=r"^Llama-3.1-70B \(bf16\) on L4 does not fit: weights take 141\.1\d GB"
    ):
        EngineConfig.for_deployment("Llama-3.1-70B", "L4")


def test_the_error_to_expect() -> None:
    def expected(*arguments: Any, **named: Any) -> float | None:
        return RooflineTime.for_deployment(*arguments, **named).expected_error

    assert expected("Llama-3.1-8B", "L4") == expected("Llama-3.1-8B", "H100-SXM", 8) == 0.1
    assert expected("Llama-3.1-8B", "L4", 2) == expected("Mixtral-8x7B", "H100-SXM", 2) == 0.25
