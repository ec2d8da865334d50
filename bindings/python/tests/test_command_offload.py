"""The command's options for KV blocks that leave the GPU."""

from typing import Any

from batching import KVOffload, deployment_memory
from batching._command.options import OFFLOAD, offload_settings
from test_command import as_json, run

CACHING = ["--num-requests", "50", "--setting", "enable_prefix_caching=true", "--num-gpu-blocks", "400"]
TYPED = ["--host-kv-tokens", "100000", "--host-kv-read-bandwidth", "5e10", "--kv-bytes-per-token", "131072"]


def given(**values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(OFFLOAD), "kv_loads_block": False, **values}


def test_options_are_fields_of_the_tiers() -> None:
    tiers = KVOffload(host_tokens=10**5, host_read_bandwidth=5e10, kv_bytes_per_token=131_072, loads_block=True)
    typed = given(host_kv_tokens=10**5, host_kv_read_bandwidth=5e10, kv_bytes_per_token=131_072, kv_loads_block=True)
    assert offload_settings(None, **typed) == {"kv_offload": tiers}
    assert offload_settings(None, **given()) == {}


def test_bytes_are_those_of_the_model_on_all_gpus() -> None:
    deployment = {"model": "Llama-3.1-70B", "gpu": "H100-SXM", "tensor_parallel": 4, "gpu_memory_utilization": None}
    made = offload_settings(deployment, **given(disk_kv_tokens=1000, disk_kv_write_bandwidth=1e9))["kv_offload"]
    # 2 x 80 layers x 8 KV heads of 128 x 2 bytes.
    assert made.kv_bytes_per_token == 327_680
    assert deployment_memory("Llama-3.1-70B", "H100-SXM", 4).kv_bytes_per_token == 327_680 / 4


def test_runs_have_tiers() -> None:
    (told,) = as_json("compare", *CACHING, "--policy", "vllm", *TYPED, "--kv-loads-block")["runs"]
    tiers = KVOffload(host_tokens=10**5, host_read_bandwidth=5e10, kv_bytes_per_token=131_072, loads_block=True)
    assert told["settings"]["kv_offload"] == tiers.to_dict()
    assert "kv_offload KVOffload(host_tokens=100000" in run("simulate", *CACHING, *TYPED).output.replace("\n", " ")


def test_a_fleet_has_tiers_in_each_replica() -> None:
    result = run("fleet", *CACHING, *TYPED, "--replicas", "2", "--router", "round_robin")
    assert result.exit_code == 0, result.output
    assert "kv_offload" in result.output


def test_what_is_wrong_is_told() -> None:
    assert "neither --host-kv-tokens nor --disk-kv-tokens is" in run("simulate", "--host-kv-read-bandwidth", "1").output
    assert "must be None without enable_prefix_caching" in run("simulate", *TYPED).output
    assert "--setting 'kv_offload' is unknown" in run("simulate", "--setting", "kv_offload=1").output
