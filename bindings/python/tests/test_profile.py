"""Profiles: what a file keeps of a deployment, and what is wrong with one."""

import json
from pathlib import Path
from typing import Any

import pytest

from batching import AffineTime, EngineConfig, Profile, RooflineTime, TableTime, simulate
from batching import generate_conversation_workload as workload

TABLE = TableTime(linear_tokens=[1, 257], linear_seconds=[0.006, 0.008])
PROFILES = [
    Profile(config=EngineConfig()),
    Profile(config=EngineConfig(max_num_seqs=8, iteration_time=AffineTime(0.005)), model="M", gpu="G"),
    Profile(config=EngineConfig.for_deployment("Llama-3.1-8B", "L4"), notes={"fitted_on": "run.csv", "errors": [0.01]}),
    Profile(config=EngineConfig(iteration_time=TABLE, block_size=32)),
    Profile(config=EngineConfig(iteration_time=AffineTime(0.005)), client_delay=0.02),
]
WHOLE: dict[str, Any] = json.loads(PROFILES[1].to_json())


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_read_back(profile: Profile, tmp_path: Path) -> None:
    assert Profile.from_json(profile.to_json()) == profile
    path = tmp_path / "profile.json"
    path.write_text(profile.to_json())
    read = Profile.read(path)
    assert read == profile
    assert read.iteration_time == profile.config.iteration_time
    requests = workload(50)
    assert simulate(requests, read.config).total_time == simulate(requests, profile.config).total_time


def test_only_what_is_not_as_by_default_is_written() -> None:
    assert WHOLE["engine"] == {"max_num_seqs": 8}
    assert list(WHOLE) == ["format", "version", "model", "gpu", "iteration_time", "engine", "notes"]
    # What is missing is as by default.
    told = {"format": "batching profile", "version": 1, "iteration_time": {"model": "affine", "base": 0.5}}
    assert Profile.from_json(json.dumps(told)) == Profile(config=EngineConfig(iteration_time=AffineTime(0.5)))


def test_settings_replace_those_of_the_profile() -> None:
    changed = PROFILES[1].replace(max_num_seqs=3)
    assert changed.config == PROFILES[1].config.replace(max_num_seqs=3)
    assert (changed.model, changed.gpu) == ("M", "G")
    assert PROFILES[-1].replace(max_num_seqs=3).client_delay == 0.02


def test_reprs_say_what_it_is_of() -> None:
    assert repr(PROFILES[1]) == "Profile(M on G: 5 ms)"
    assert repr(PROFILES[0]) == "Profile(10 ms)"
    roofline = RooflineTime.for_deployment("Llama-3.1-8B", "L4")
    assert repr(PROFILES[2]) == f"Profile({roofline._phrase()})"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"format": "other"}, "must be a JSON object whose \"format\" is 'batching profile'"),
        ({"version": 2}, "the profile is of version 2: must be of 1"),
        ({"version": None}, "the profile is of version None: must be of 1"),
        ({"iteration_time": {"base": "x"}}, "iteration_time.base is 'x': must be a number"),
        ({"iteration_time": {"model": "wall"}}, "iteration_time has the model 'wall'"),
        ({"iteration_time": None}, "iteration_time is None: must be a number"),
        ({"engine": {"max_num_seq": 1}}, "'max_num_seq' is not a field of EngineConfig"),
        ({"engine": {"max_num_seqs": 0}}, "max_num_seqs is 0: must be at least 1"),
        ({"engine": []}, "engine of the profile is []: must be an object"),
        ({"model": 3}, "model of the profile is 3: must be a string"),
        ({"client_delay": "x"}, "client_delay of the profile is 'x': must be a number"),
        ({"client_delay": -1}, "client_delay of the profile is -1: must be finite, and at least 0"),
        ({"client_delay": float("inf")}, "client_delay of the profile is inf: must be finite, and at least 0"),
        ({"notes": "x"}, "notes of the profile is 'x': must be an object"),
    ],
)
def test_a_damaged_profile_is_refused_with_its_path(changed: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(WHOLE | changed))
    with pytest.raises((ValueError, TypeError)) as raised:
        Profile.read(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert sentence in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": 1}', b"\xff\xfe"])
def test_what_is_no_profile_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="the profile is "):
        Profile.from_json(text)


def test_a_profile_without_times_is_refused() -> None:
    told = {name: value for name, value in WHOLE.items() if name != "iteration_time"}
    with pytest.raises(ValueError, match="iteration_time of the profile is missing"):
        Profile.from_json(json.dumps(told))


def test_a_function_cannot_be_kept() -> None:
    def time(_: Any) -> float:
        return 0.01

    with pytest.raises(ValueError, match="a function has no JSON form"):
        Profile(config=EngineConfig(iteration_time=time)).to_json()
