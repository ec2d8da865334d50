"""The two calculations on capacity, against exact fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batching import calculate_arithmetic_intensity_with_batch, optimal_batch_size

BYTES = st.one_of(
    st.floats(0, 1e15),
    st.floats(0, allow_infinity=False),
    st.integers(0, 2**53).map(float),
    st.sampled_from([0.1, 0.2, 0.3, 0.7, 5e-324, 1.7976931348623157e308]),
)
ABOVE_ZERO = BYTES.filter(lambda value: value > 0)


def exact_batch_size(budget: float, model: float, per_token: float, length: int) -> int:
    left = Fraction(budget) - Fraction(model)
    return max(0, left // (Fraction(per_token) * length))


@given(budget=BYTES, model=BYTES, per_token=ABOVE_ZERO, length=st.integers(1, 2**63 - 1))
def test_optimal_batch_size_is_exact(budget: float, model: float, per_token: float, length: int) -> None:
    expected = exact_batch_size(budget, model, per_token, length)
    if expected < 2**63:
        assert optimal_batch_size(budget, model, per_token, length) == expected
    else:
        with pytest.raises(ValueError, match="kv_cache_per_token is "):
            optimal_batch_size(budget, model, per_token, length)


@given(
    model=st.floats(0, 1e12), per_token=st.floats(1e-3, 1e7), length=st.integers(1, 10**6), count=st.integers(0, 10**6)
)
def test_optimal_batch_size_is_exact_at_the_boundary(model: float, per_token: float, length: int, count: int) -> None:
    # The double nearest to a budget that count sequences fill exactly; whether they fit depends on its last bit.
    budget = float(Fraction(model) + count * length * Fraction(per_token))
    assert optimal_batch_size(budget, model, per_token, length) == exact_batch_size(budget, model, per_token, length)


def test_a_tenth_ten_times() -> None:
    # 0.1 is a little more than a tenth: ten of them do not fit 1.0 although 0.1 * 10 == 1.0 in doubles.
    assert optimal_batch_size(1.0, 0.0, 0.1, 1) == 9


def test_none_fits() -> None:
    assert optimal_batch_size(10.0, 20.0, 1.0, 1) == 0
    assert optimal_batch_size(20.0, 10.0, 1.0, 11) == 0


@given(batch_size=st.integers(1, 2**53), model=ABOVE_ZERO, flops=st.floats(1e-100, 1e100))
def test_arithmetic_intensity_is_flops_times_batch(batch_size: int, model: float, flops: float) -> None:
    assert calculate_arithmetic_intensity_with_batch(batch_size, model, flops) == pytest.approx(
        flops * batch_size, rel=1e-15
    )


def test_arithmetic_intensity_beyond_a_double() -> None:
    with pytest.raises(ValueError, match="flops_per_token"):
        calculate_arithmetic_intensity_with_batch(2**62, 1.0, 1e300)


def test_usual_flops_are_two_a_byte() -> None:
    assert calculate_arithmetic_intensity_with_batch(32, 14e9) == 64.0


@given(value=st.integers(2**53, 2**200))
def test_integers_must_be_exact_as_doubles(value: int) -> None:
    # An odd integer of more than 53 bits has no double.
    with pytest.raises(ValueError, match=rf"memory_budget is {value | 1}: .*exactly"):
        optimal_batch_size(value | 1, 0, 1, 1)
