"""What columns accept, borrow and refuse."""

import array
import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import batching
from batching import BatchingValueError, CompletedColumns, RequestColumns


def test_fitting_arrays_are_borrowed() -> None:
    outputs, prompts, arrivals = np.ones(5, np.int32), np.zeros(5, np.int32), np.zeros(5)
    columns = RequestColumns(outputs, prompts, arrivals)
    pairs: list[tuple[Any, Any]] = [
        (columns.output_length, outputs),
        (columns.prompt_length, prompts),
        (columns.arrival_time, arrivals),
    ]
    for held, given in pairs:
        assert held.ctypes.data == given.ctypes.data
        assert given.flags.writeable
        assert not held.flags.writeable
    completed = CompletedColumns(arrivals, arrivals, outputs, arrivals, arrivals)
    assert np.shares_memory(completed.start_time, arrivals)
    assert np.shares_memory(completed.tokens_generated, outputs)


def test_a_buffer_is_borrowed_too() -> None:
    lengths = array.array("i", [1, 2, 3])
    held = RequestColumns(lengths).output_length
    assert held.ctypes.data == lengths.buffer_info()[0]


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        (1, 2, 3),
        range(1, 4),
        array.array("q", [1, 2, 3]),
        memoryview(array.array("h", [1, 2, 3])),
        np.array([1, 2, 3], np.int8),
        np.array([1, 2, 3], np.uint64),
        np.array([1, 2, 3], ">i4"),
        np.array([1, 9, 2, 9, 3], np.int32)[::2],
        np.array([1, 2, 3], object),
        [np.int64(1), np.uint8(2), 3],
        np.frombuffer(b"\0" + np.array([1, 2, 3], np.int32).tobytes(), np.int32, offset=1),  # not aligned
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_integers_of_any_kind_become_int32(values: Any) -> None:
    column = RequestColumns(values).output_length
    assert column.tolist() == [1, 2, 3]
    assert column.dtype == np.int32
    assert column.flags.c_contiguous
    assert column.flags.aligned


@pytest.mark.parametrize(
    "values", [[0, 1], np.array([0, 1], np.int16), np.array([0, 1], np.float32), [0.0, np.float64(1)]]
)
def test_numbers_of_any_kind_become_times(values: Any) -> None:
    column = RequestColumns([1, 1], arrival_time=values).arrival_time
    assert column is not None
    assert column.dtype == np.float64
    assert column.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1, 2, 3, "abc"], r"output_length\[3\] is 'abc': must be an integer"),
        ([1, None], r"output_length\[1\] is None: must be an integer"),
        ([1, True], r"output_length\[1\] is True: must be an integer"),
        ([1, 2.0], r"output_length\[1\] is 2\.0: must be an integer"),
        ([[1, 2]], r"output_length\[0\] is \[1, 2\]: must be an integer"),
        (np.array([1.0]), "output_length is an array of float64: must be integers"),
        (np.array([True]), "output_length is an array of bool: must be integers"),
        (np.array(["1"]), "output_length is an array of <U1: must be integers"),
        (np.array([1, None], object), r"output_length\[1\] is None"),
        ("123", "output_length is '123'"),
        (None, "output_length is None"),
        ({1: 2}, r"output_length is \{1: 2\}"),
        (iter([1]), "output_length is <list_iterator"),
    ],
)
def test_what_are_no_integers(values: Any, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        RequestColumns(values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([0.0, "abc"], r"arrival_time\[1\] is 'abc': must be a number"),
        ([0.0, None], r"arrival_time\[1\] is None: must be a number"),
        ([0.0, False], r"arrival_time\[1\] is False: must be a number"),
        ([0.0, 1j], r"arrival_time\[1\] is 1j: must be a number"),
        (np.array([0, 1], "M8[s]"), "arrival_time is an array of datetime64"),
        (np.array([0, 1j]), "arrival_time is an array of complex128"),
        (np.array([True, False]), "arrival_time is an array of bool"),
        ("12", "arrival_time is '12'"),
    ],
)
def test_what_are_no_times(values: Any, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        RequestColumns([1, 1], arrival_time=values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1, 2**31], r"output_length\[1\] is 2147483648: must be between -2147483648 and 2147483647"),
        ([1, -(2**31) - 1], r"output_length\[1\] is -2147483649"),
        ([10**5000], r"output_length\[0\] is an integer of 16610 bits"),
        (np.array([1, 2**31], np.int64), r"output_length\[1\] is 2147483648"),
        (np.array([1, 2**64 - 1], np.uint64), r"output_length\[1\] is 18446744073709551615"),
        (np.ones((2, 2), np.int32), r"output_length has the shape \(2, 2\)"),
        (np.int32(3), r"output_length has the shape \(\)"),
        (np.ma.masked_array([1, 2], [False, True]), "output_length has masked elements"),
    ],
)
def test_values_that_do_not_fit(values: Any, sentence: str) -> None:
    with pytest.raises(BatchingValueError, match=sentence):
        RequestColumns(values)


def test_columns_of_different_lengths_are_both_named() -> None:
    with pytest.raises(ValueError, match="prompt_length has 3 elements, but output_length has 2"):
        RequestColumns([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="arrival_time has 1 element, but output_length has 2"):
        RequestColumns([1, 2], [1, 2], [0.0])
    with pytest.raises(ValueError, match="end_time has 1 element, but start_time has 2"):
        CompletedColumns([1.0, 2.0], [1.0], [1, 1])
    with pytest.raises(ValueError, match="tokens_generated has 1 element, but output_length has 2"):
        batching.remaining_tokens([1, 2], [1])


def test_columns_cannot_be_changed() -> None:
    columns = RequestColumns([1, 2])
    with pytest.raises(AttributeError, match="RequestColumns cannot be changed"):
        columns.output_length = np.ones(2, np.int32)
    with pytest.raises(AttributeError, match="RequestColumns cannot be changed"):
        del columns.output_length
    with pytest.raises(ValueError, match="read-only"):
        columns.output_length[0] = 3


def test_columns_can_be_copied_and_pickled() -> None:
    columns = RequestColumns([1, 2], arrival_time=[0.0, 1.0], tie_break=[4, 3], hash_ids=[[1], [2]], hash_block_size=32)
    for twin in (copy.copy(columns), copy.deepcopy(columns), pickle.loads(pickle.dumps(columns))):  # noqa: S301
        assert twin.output_length.tolist() == [1, 2]
        assert twin.prompt_length is None
        for name in ("tie_break", "hash_ids", "hash_offsets"):
            assert getattr(twin, name).tolist() == getattr(columns, name).tolist()
        assert twin.hash_block_size == 32
        assert batching.simulate_static(twin, 2).total_time == batching.simulate_static(columns, 2).total_time


def test_columns_in_which_some_are_replaced_keep_all_others() -> None:
    given: dict[str, Any] = {
        "output_length": [3, 4], "prompt_length": [5, 6], "arrival_time": [0.0, 1.0], "priority": [1, 0],
        "tie_break": [7, 8], "hash_ids": [[1], [2, 3]], "hash_block_size": 4, "hash_covers_output": True,
        "max_tokens": [9, 10], "abort_time": [0.5, 2.0], "session": [3, 3], "delay": [0.0, 0.25],
    }  # fmt: skip
    columns = RequestColumns(**given)
    other: dict[str, Any] = {
        "output_length": [2, 1], "prompt_length": [6, 5], "arrival_time": [0.25, 0.5], "priority": None,
        "tie_break": [1, 2], "hash_ids": [[], [4]], "hash_block_size": 8, "hash_covers_output": False,
        "max_tokens": [3, 4], "abort_time": None, "session": [4, 4], "delay": [0.0, 1.5],
    }  # fmt: skip
    # All that the constructor takes is here.
    assert given.keys() == {*inspect.signature(RequestColumns).parameters} - {"hash_offsets"}

    def listed(columns: RequestColumns) -> dict[str, Any]:
        attributes = {name: getattr(columns, name) for name in (*given, "hash_offsets")}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in attributes.items()}

    for name, value in other.items():
        replaced = columns.replace(**{name: value})
        assert listed(replaced) == listed(RequestColumns(**(given | {name: value})))
    assert listed(columns) == listed(RequestColumns(**given))
    offsets = columns.replace(hash_ids=[7, 8, 9], hash_offsets=[0, 3, 3])
    assert (listed(offsets)["hash_ids"], listed(offsets)["hash_offsets"]) == ([7, 8, 9], [0, 3, 3])
    with pytest.raises(TypeError, match="speed"):
        columns.replace(speed=1)
    with pytest.raises(ValueError, match="max_tokens has 1 element, but output_length has 2"):
        columns.replace(max_tokens=[5])


def test_columns_say_what_they_are() -> None:
    assert repr(RequestColumns([])) == "RequestColumns(0 requests)"
    assert repr(RequestColumns([1, 2])) == "RequestColumns(2 requests, 3 output tokens, all arrive at 0.0 s)"
    columns = RequestColumns([50, 200], arrival_time=[0.1, 0.0])
    assert repr(columns) == "RequestColumns(2 requests, 250 output tokens, arrivals 0.0 to 0.1 s)"
    assert repr(CompletedColumns([1.0], [2.5], [3])) == "CompletedColumns(1 request, 3 tokens, 1.0 to 2.5 s)"
    assert repr(CompletedColumns([], [], [])) == "CompletedColumns(0 requests)"


def test_columns_for_the_engine_have_their_types() -> None:
    columns = RequestColumns(
        [1, 2],
        priority=[1, -1],
        tie_break=[2**63 - 1, -(2**63)],
        hash_ids=[[5], range(6, 8)],
        hash_block_size=32,
        session=[-(2**63), 2**63 - 1],
        delay=[0, 1],
    )
    expected: dict[str, tuple[str, list[int]]] = {
        "priority": ("int32", [1, -1]),
        "tie_break": ("int64", [2**63 - 1, -(2**63)]),
        "hash_ids": ("int64", [5, 6, 7]),
        "hash_offsets": ("int64", [0, 1, 3]),
        "session": ("int64", [-(2**63), 2**63 - 1]),
        "delay": ("float64", [0, 1]),
    }
    for name, (dtype, values) in expected.items():
        column = getattr(columns, name)
        assert (column.dtype.name, column.tolist()) == (dtype, values)
    assert columns.hash_block_size == 32
    assert columns.hash_covers_output is False
    plain = RequestColumns([1, 2])
    assert {getattr(plain, name) for name in [*expected, "hash_block_size"]} == {None}


def test_columns_for_the_engine_are_borrowed_and_cannot_be_changed() -> None:
    given: dict[str, Any] = {
        "priority": np.zeros(2, np.int32),
        "tie_break": np.zeros(2, np.int64),
        "hash_ids": np.zeros(3, np.int64),
        "hash_offsets": np.array([0, 1, 3], np.int64),
        "session": np.zeros(2, np.int64),
        "delay": np.zeros(2),
    }
    columns = RequestColumns([1, 2], **given)
    for name, array_given in given.items():
        held = getattr(columns, name)
        assert held.ctypes.data == array_given.ctypes.data
        assert array_given.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            held[0] = 1


@pytest.mark.parametrize(
    "hashes",
    [
        {"hash_ids": []},
        {"hash_ids": np.empty(0, np.int64), "hash_offsets": [0]},
    ],
)
def test_no_requests_have_no_hash_ids(hashes: Any) -> None:
    columns = RequestColumns([], **hashes)
    assert columns.hash_offsets is not None
    assert columns.hash_offsets.tolist() == [0]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ({"priority": [0, 1.0]}, r"priority\[1\] is 1\.0: must be an integer"),
        ({"priority": np.array([0.0, 1.0])}, "priority is an array of float64: must be integers"),
        ({"tie_break": [0, None]}, r"tie_break\[1\] is None: must be an integer"),
        ({"tie_break": np.array([False, True])}, "tie_break is an array of bool: must be integers"),
        ({"tie_break": "ab"}, "tie_break is 'ab'"),
        ({"session": [0, 1.5]}, r"session\[1\] is 1\.5: must be an integer"),
        ({"session": np.array(["a", "b"])}, "session is an array of <U1: must be integers"),
        ({"delay": [0.0, None]}, r"delay\[1\] is None: must be a number"),
        ({"hash_ids": [[1], ["a"]]}, r"hash_ids\[1\]\[0\] is 'a': must be an integer"),
        ({"hash_ids": [[1], None]}, r"hash_ids\[1\] is None"),
        ({"hash_ids": "ab"}, "hash_ids is 'ab': without hash_offsets it must be one sequence a request"),
        ({"hash_ids": np.array([1, 2])}, "hash_ids is array.*without hash_offsets it must be one sequence a request"),
        ({"hash_ids": {1: 2}}, r"hash_ids is \{1: 2\}"),
        ({"hash_ids": [1.5], "hash_offsets": [0, 1, 1]}, r"hash_ids\[0\] is 1\.5: must be an integer"),
        ({"hash_ids": [1], "hash_offsets": [0, 1.0, 1]}, r"hash_offsets\[1\] is 1\.0: must be an integer"),
        ({"hash_block_size": 16.0}, r"hash_block_size is 16\.0: must be an integer"),
        ({"hash_block_size": True}, "hash_block_size is True: must be an integer"),
        ({"hash_covers_output": 1}, "hash_covers_output is 1: must be True or False"),
        ({"hash_covers_output": None}, "hash_covers_output is None: must be True or False"),
    ],
)
def test_what_are_no_columns_for_the_engine(column: Any, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        RequestColumns([1, 1], **column)


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ({"priority": [0, 2**31]}, r"priority\[1\] is 2147483648: must be between -2147483648 and 2147483647"),
        ({"priority": [0]}, "priority has 1 element, but output_length has 2"),
        ({"tie_break": [0, 2**63]}, r"tie_break\[1\] is 9223372036854775808: must be between"),
        ({"tie_break": np.array([0, 2**63], np.uint64)}, r"tie_break\[1\] is 9223372036854775808"),
        ({"session": [0, 2**63]}, r"session\[1\] is 9223372036854775808: must be between"),
        ({"session": [0]}, "session has 1 element, but output_length has 2"),
        ({"delay": [0.0, 1.0, 2.0]}, "delay has 3 elements, but output_length has 2"),
        ({"tie_break": [0, 1, 2]}, "tie_break has 3 elements, but output_length has 2"),
        ({"hash_ids": [[1]]}, "hash_ids has 1 element: must have as many as there are requests, 2"),
        ({"hash_ids": [[1], [2, 2**63]]}, r"hash_ids\[1\]\[1\] is 9223372036854775808: must be between"),
        ({"hash_ids": [1, 2]}, r"hash_ids\[0\] has the shape \(\): must be one-dimensional"),
        ({"hash_offsets": [0, 1, 2]}, "hash_offsets is given without hash_ids: must be None"),
        ({"hash_ids": [1], "hash_offsets": [0, 1]}, "hash_offsets has 2 elements: must have one more .*, 3"),
        ({"hash_ids": [1], "hash_offsets": [0, 1, 2]}, "hash_offsets go from 0 to 2: .*, 1"),
        ({"hash_ids": [1], "hash_offsets": [-1, 0, 1]}, "hash_offsets go from -1 to 1"),
        ({"hash_ids": [1], "hash_offsets": [0, 2, 1]}, r"hash_offsets\[2\] is 1: must not be smaller than .*\[1\].* 2"),
        ({"hash_ids": [1], "hash_offsets": [0, -1, 1]}, r"hash_offsets\[1\] is -1: must not be smaller"),
        ({"hash_block_size": 0}, "hash_block_size is 0: must be between 1 and 2147483647"),
        ({"hash_block_size": 2**31}, "hash_block_size is 2147483648: must be between 1 and 2147483647"),
    ],
)
def test_values_of_columns_for_the_engine_that_do_not_fit(column: Any, sentence: str) -> None:
    with pytest.raises(BatchingValueError, match=sentence):
        RequestColumns([1, 1], **column)


@pytest.mark.parametrize("wrong", [None, 3, "abc", [1, 2], {"output_length": [1]}])
def test_functions_on_columns_take_nothing_else(wrong: Any) -> None:
    for simulate in (batching.simulate_static, batching.simulate_continuous):
        with pytest.raises(TypeError, match=r"columns is .*must be RequestColumns"):
            simulate(wrong, 2)
    with pytest.raises(TypeError, match=r"completed is .*must be CompletedColumns"):
        batching.request_latencies(wrong)
