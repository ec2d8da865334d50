"""How the library's reader of profiles rounds numbers: beside rational numbers, and Python's own."""

import json
import math
import random
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import numpy as np
import pytest

from profile_reader import WHOLE, native_profile


def base_of(text: str) -> float:
    """What the library makes of a number. It must be a time: half of what is tested goes through client_delay."""
    with native_profile(json.dumps(WHOLE).replace("0.002", text)) as profile:
        return float(profile.facts.client_delay)


def flops_of(text: str) -> float:
    """The same of one that is any double at least 0."""
    told = json.dumps({**WHOLE, "iteration_time": {"model": "roofline", "layers": -1}}).replace("-1", text)
    with native_profile(told) as profile:
        return float(profile.config.time_roofline.contents.layers)


def nearest(text: str) -> float:
    """The nearest double by rational numbers alone: of the two neighbours of an approximation, and it."""
    wanted = Fraction(text)
    guess = float(wanted) if wanted < Fraction(1.7976931348623157e308) else 1.7976931348623157e308
    near = [math.nextafter(guess, 0), guess, math.nextafter(guess, math.inf)]
    finite = [value for value in near if math.isfinite(value)]
    best = min(abs(Fraction(value) - wanted) for value in finite)
    closest = [value for value in finite if abs(Fraction(value) - wanted) == best]
    # Of two that are as near, the even one.
    return min(closest, key=lambda value: struct.unpack("<Q", struct.pack("<d", value))[0] & 1)


HARD: Final = [
    "0.0", "0e5", "1", "1e0", "1E+2", "1e22", "1e23", "9007199254740993.0", "9007199254740992.5", "9007199254740993e0",
    "2.2250738585072011e-308", "2.2250738585072014e-308", "2.2250738585072012e-308", "5e-324", "4.9e-324",
    "2.4703282292062327208e-324", "2.4703282292062328e-324", "2.470328229206232720882843964341106861825299e-324",
    "1e-323", "1.7976931348623157e308", "1.7976931348623158e308", "179769313486231570000e288",
    "123456789012345678e-200", "0.1", "0.3", "2.5e-5", "1.2345678901234567e-05", "7.2057594037927933e16", "89255.0e-22",
    "104110013277974872254e-225", "12345678901234567890", "18446744073709551615.0", "36028797018963966.0",
    "6929495644600919.5e0", "3.7455744005952583e15", "9.5e-323",
    "10000000000000000000000000000000000000000e-41", "0." + "0" * 400 + "1e401",
    "1" + "0" * 300 + "e-301", "9" * 800 + "e-800", "5" * 900 + "." + "5" * 900 + "e-600", "1e-400", "3e-324", "2e-324",
]  # fmt: skip


def middles() -> Iterator[str]:
    """Numbers half-way between two doubles, written out; and a little above and below."""
    draw = random.Random(3)  # noqa: S311
    for _ in range(120):
        low = struct.unpack("<d", struct.pack("<Q", draw.randrange(1, 0x7FE0000000000000)))[0]
        middle = (Fraction(low) + Fraction(math.nextafter(low, math.inf))) / 2
        # The denominator is a power of two: all digits of the fraction end.
        twos = middle.denominator.bit_length() - 1
        digits = middle.numerator * 5**twos
        yield f"{digits}e-{twos}"
        yield f"{digits}1e-{twos + 1}"
        yield f"{digits - 1}9e-{twos + 1}"


@pytest.mark.parametrize("text", HARD)
def test_a_number_is_the_nearest_double(text: str) -> None:
    exact = Fraction(text)
    if "." not in text and "e" not in text.lower() and Fraction(float(text)) != exact:
        with pytest.raises(ValueError, match="must be a value that a double holds exactly"):
            flops_of(text)
        return
    assert flops_of(text) == nearest(text)


def test_numbers_in_the_middle_of_two_doubles_are_rounded_to_even() -> None:
    for text in middles():
        assert flops_of(text) == nearest(text), text


def test_what_python_writes_of_doubles_is_read_to_the_bit() -> None:
    draw = random.Random(1)  # noqa: S311
    values = [struct.unpack("<d", struct.pack("<Q", draw.randrange(0, 0x7FF0000000000000)))[0] for _ in range(3000)]
    values += [draw.random() * 10.0 ** draw.randrange(-30, 30) for _ in range(3000)]
    values.sort()
    # Columns of a table take as many at once as there are: places up to 2^53, which rise.
    for chunk in np.array_split(np.unique([value for value in values if value < 2**53]), 3):
        told = {**WHOLE, "iteration_time": {"model": "table", "linear_tokens": chunk.tolist()}}
        told["iteration_time"]["linear_seconds"] = [0.0] * len(chunk)
        with native_profile(json.dumps(told)) as profile:
            table = profile.config.time_table.contents
            read = np.array(table.linear_tokens[: table.linear_count])
        assert read.tobytes() == chunk.tobytes()
    for value in values[::40]:
        assert flops_of(repr(value)) == value


@pytest.mark.parametrize("text", ["1e309", "1.7976931348623159e308", "1e99999999999999999999", "1" + "0" * 309])
def test_a_number_beyond_all_doubles_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"iteration_time\.layers is 1.*: must be a number that a double can hold"):
        flops_of(text)


@pytest.mark.parametrize(("text", "value"), [("9223372036854775807", 2**63 - 1), ("-0", 0), ("1200", 1200)])
def test_integers_are_exact(text: str, value: int) -> None:
    told = json.dumps({**WHOLE, "engine": {"max_model_len": 7}}).replace("7}", text + "}")
    if value == 0:
        with pytest.raises(ValueError, match=r"engine\.max_model_len is 0: must be at least 1"), native_profile(told):
            pass
        return
    with native_profile(told) as profile:
        assert profile.config.max_model_len == value
