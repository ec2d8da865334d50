"""Damaged profiles: what the library's reader refuses, Python's does, too, and the other way round."""

import json
import random
from collections.abc import Callable
from typing import Any, Final

import pytest

from batching import Profile
from batching._ffi.errors import BatchingValueError
from profile_reader import WHOLE, native_profile

TABLE: Final[dict[str, Any]] = {
    "model": "table",
    "linear_tokens": [1, 257],
    "linear_seconds": [0.006, 0.008],
    "decode_sequences": [1, 8],
    "decode_contexts": [16, 4096, 100000],
    "decode_seconds": [[0.001, 0.002, 0.003], [0.001, 0.0025, 0.004]],
}


def changed(**fields: Any) -> str:
    """A profile in which some fields are others."""
    return json.dumps(WHOLE | fields)


def engine(**fields: Any) -> str:
    """The same of its engine."""
    return changed(engine=fields)


def table(**fields: Any) -> str:
    """The same of a table."""
    return changed(iteration_time=TABLE | fields)


PLAIN: Final = json.dumps(WHOLE)
DEEP: Final = 5000
DAMAGED: Final[dict[str, tuple[str | bytes, str]]] = {
    "nothing": ("", "json is no JSON: it ends at byte 0"),
    "an open object": ("{", "json is no JSON: it ends at byte 1"),
    "an array": ("[]", "json is an array: must be an object whose format is"),
    "a number": ("3", "json is 3: must be an object"),
    "no UTF-8": (b"\xff\xfe", "json is no JSON: byte 0 is 255: must begin a value"),
    "another format": (changed(format="other"), 'format is "other": must be "batching profile"'),
    "a format that is a number": (changed(format=1), 'format is 1: must be "batching profile"'),
    "no format": ("{}", 'format is missing: must be "batching profile"'),
    "another version": (changed(version=2), "version is 2: must be 1"),
    "a version with a fraction": (changed(version=1.0), "version is 1.0: must be 1"),
    "a version that is true": (changed(version=True), "version is true: must be 1"),
    "no version": (PLAIN.replace('"version": 1, ', ""), "version is missing: must be 1"),
    "no iteration_time": (
        json.dumps({key: value for key, value in WHOLE.items() if key != "iteration_time"}),
        "iteration_time is missing: a profile must have it",
    ),
    "an unknown field": (changed(iteration_tmie=0.1), "iteration_tmie is unknown: there is no such field"),
    "an unknown field of the engine": (engine(max_num_seq=1), "engine.max_num_seq is unknown"),
    "a time within the engine": (engine(iteration_time=1.0), "engine.iteration_time is unknown"),
    "an unknown term": (changed(iteration_time={"bas": 1}), "iteration_time.bas is unknown"),
    "a field twice": (PLAIN.replace('"version": 1', '"version": 1, "version": 1'), "version is there twice"),
    "a field of the engine twice": (
        PLAIN.replace('"max_num_seqs": 8', '"max_num_seqs": 8, "max\\u005fnum_seqs": 8'),
        "is there twice: must be there once",
    ),
    "a text for an integer": (engine(max_num_seqs="8"), 'engine.max_num_seqs is "8": must be an integer'),
    "a fraction for an integer": (engine(max_num_seqs=8.0), "engine.max_num_seqs is 8.0: must be an integer"),
    "true for an integer": (engine(max_num_seqs=True), "engine.max_num_seqs is true: must be an integer"),
    "null for an integer": (engine(max_num_seqs=None), "engine.max_num_seqs is null: must be an integer"),
    "an integer beyond 64 bits": (engine(max_model_len=2**63), "engine.max_model_len is 9223372036854775808: must fit"),
    "a text for blocks": (engine(num_gpu_blocks="x"), 'engine.num_gpu_blocks is "x": must be an integer, or null'),
    "0 requests": (engine(max_num_seqs=0), "engine.max_num_seqs is 0: must be at least 1"),
    "one block": (engine(num_gpu_blocks=1), "engine.num_gpu_blocks is 1: must be at least 2"),
    "too large blocks": (engine(block_size=65537), "engine.block_size is 65537: must be between 1 and 65536"),
    "a watermark of 1": (engine(watermark=1.0), "engine.watermark is 1.0: must be at least 0 and below 1"),
    "a negative delay": (engine(max_queue_delay=-1), "engine.max_queue_delay is -1.0: must be between 0"),
    "1 for true": (engine(async_scheduling=1), "engine.async_scheduling is 1: must be true or false"),
    "an unknown policy": (engine(policy="sjf"), 'engine.policy is "sjf": must be one of "vllm", "static"'),
    "a policy of one's own": (engine(policy="custom"), 'engine.policy is "custom": must be one of'),
    "a policy that is no text": (engine(policy=0), "engine.policy is 0: must be a string"),
    "an unknown order": (engine(queue_order="lifo"), 'engine.queue_order is "lifo": must be one of "arrival"'),
    "an engine that is an array": (changed(engine=[]), "engine is an array: must be an object"),
    "a model that is a number": (changed(model=3), "model is 3: must be a string"),
    "a GPU that is null": (changed(gpu=None), "gpu is null: must be a string"),
    "notes that are a text": (changed(notes="x"), 'notes is "x": must be an object'),
    "a delay of a client that is a text": (changed(client_delay="1"), 'client_delay is "1": must be a number'),
    "a negative delay of a client": (changed(client_delay=-0.1), "client_delay is -0.1: must be between 0"),
    "a time that is a text": (changed(iteration_time="x"), 'iteration_time is "x": must be a number, or an object'),
    "a time that is null": (changed(iteration_time=None), "iteration_time is null: must be a number"),
    "a negative time": (changed(iteration_time=-1), "iteration_time is -1.0: must be between 0"),
    "a negative term": (
        changed(iteration_time={"startup": -1}),
        "iteration_time.startup is -1.0: must be between 0",
    ),
    "a term that is a text": (changed(iteration_time={"base": "x"}), 'iteration_time.base is "x": must be a number'),
    "an unknown model of times": (
        changed(iteration_time={"model": "wall"}),
        'iteration_time.model is "wall": must be one of "affine", "roofline", "table"',
    ),
    "a roofline without bandwidth": (
        changed(iteration_time={"model": "roofline", "linear_bytes": 1.0}),
        "iteration_time.linear_bytes is not 0, but memory_bandwidth x bandwidth_share is too small",
    ),
    "three GPUs": (
        changed(iteration_time={"model": "roofline", "tensor_parallel": 3}),
        "iteration_time.tensor_parallel is 3.0: must be a power of two",
    ),
    "a source that is a number": (
        changed(iteration_time={"model": "roofline", "source": 3}),
        "iteration_time.source is 3: must be a string",
    ),
    "too few seconds": (
        table(linear_seconds=[0.006]),
        "iteration_time.linear_seconds has 1 values: must have as many as linear_tokens, 2",
    ),
    "too few rows": (
        table(decode_seconds=[[0.001, 0.002, 0.003]]),
        "iteration_time.decode_seconds has 1 x 3 values: must have decode_sequences x decode_contexts, 2 x 3",
    ),
    "rows of two lengths": (
        table(decode_seconds=[[0.001, 0.002, 0.003], [0.001]]),
        "iteration_time.decode_seconds[1] has 1 values: must have 3, as the rows before it",
    ),
    "a row that is a number": (table(decode_seconds=[1]), "iteration_time.decode_seconds[0] is 1: must be a row"),
    "a value of a column that is null": (
        table(linear_seconds=[0.006, None]),
        "iteration_time.linear_seconds[1] is null: must be a number",
    ),
    "a value of a row that is a text": (
        table(decode_seconds=[[0.001, "0.002", 0.003], [0.001, 0.0025, 0.004]]),
        'iteration_time.decode_seconds[0][1] is "0.002": must be a number',
    ),
    "a column that is a number": (table(linear_tokens=1), "iteration_time.linear_tokens is 1: must be an array of"),
    "a column that falls": (
        table(linear_tokens=[257, 1]),
        "iteration_time.linear_tokens[1] is 1.0: must be above the one before it, which is 257.0",
    ),
    "a scale of 0": (table(head_scale=0), "iteration_time.head_scale is 0.0: must be above 0"),
    "a negative scale": (table(head_scale=-1), "iteration_time.head_scale is -1.0: must be"),
    "NaN": (PLAIN.replace("0.002", "NaN"), "json is no JSON: byte"),
    "Infinity": (PLAIN.replace("0.002", "Infinity"), "must begin a value, as JSON has them"),
    "NaN in notes": (PLAIN.replace("-0.01", "NaN"), "must begin a value, as JSON has them"),
    "a plus sign": (PLAIN.replace("0.002", "+2"), "byte"),
    "a leading 0": (PLAIN.replace("0.002", "02"), "must be a comma, or }"),
    "a trailing point": (PLAIN.replace("0.002", "2."), "must be a digit"),
    "a trailing comma": (PLAIN.replace("8B", '8B",').replace(',", ', ",, "), "must be a quote"),
    "a comment": (PLAIN + " // it", "must be the end: there is one value"),
    "two values": (PLAIN + PLAIN, "must be the end: there is one value"),
    "a zero byte after it": (PLAIN + "\0", "must be the end: there is one value"),
    "an escape that JSON lacks": (PLAIN.replace("none", "\\x41"), "must be an escape that JSON has"),
    "a control character": (PLAIN.replace("none", "a\tb"), "is 9: must be escaped in a string"),
    "a surrogate in UTF-8": (PLAIN.replace("none", "\ud800"), "must be UTF-8"),
    "an overlong character": (PLAIN.encode().replace(b"none", b"\xc0\xaf"), "must be UTF-8"),
    "a character cut off": (PLAIN.encode().replace(b"none", b"\xe2\x82"), "must be UTF-8"),
    "U+0000 in a name": (changed(model="a\0b"), "model has the character U+0000: must have none"),
    "arrays within each other": (
        PLAIN.replace('["none"]', "[" * DEEP + "]" * DEEP),
        "must not be nested deeper than 128",
    ),
    "objects within each other": (
        PLAIN.replace('["none"]', '{"a":' * DEEP + "1" + "}" * DEEP),
        "must not be nested deeper than 128",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_profile_is_refused_by_the_library_and_by_python(name: str) -> None:
    text, sentence = DAMAGED[name]
    with pytest.raises(BatchingValueError) as raised, native_profile(text):
        pass
    assert sentence in str(raised.value)
    with pytest.raises((ValueError, TypeError)):
        Profile.from_json(text)


def test_whatever_is_cut_off_is_refused() -> None:
    for end in range(len(PLAIN)):
        with pytest.raises(ValueError, match=f"json is no JSON: it ends at byte {end}"), native_profile(PLAIN[:end]):
            pass


def test_a_byte_that_is_another_is_read_alike_by_both() -> None:
    draw = random.Random(2)  # noqa: S311
    content = PLAIN.encode()
    for _ in range(1500):
        damaged = bytearray(content)
        damaged[draw.randrange(len(damaged))] = draw.choice(b'0129-+.eE"{}[],: \\x\x00\xc3aln')
        assert is_refused(native, bytes(damaged)) == is_refused(Profile.from_json, bytes(damaged)), bytes(damaged)


def native(text: str | bytes) -> None:
    """Reads it, and no more."""
    with native_profile(text):
        pass


def is_refused(read: Callable[[bytes], object], text: bytes) -> bool:
    """Whether a reader says so."""
    try:
        read(text)
    except (ValueError, TypeError):
        return True
    return False
