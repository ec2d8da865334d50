"""The most likely parameters, by the method of Gauss and Newton: residuals of which the large count in proportion
(Huber, 1964), and for each parameter a normal distribution around 0. No random numbers, and a bounded number of
evaluations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

HUBER: Final = 0.05
"""From which residual on one counts in proportion."""
_DIFFERENCE: Final = 0.05
"""For derivatives: wide, since a simulator is piecewise constant in places."""
_STEPS: Final = 4
_LONGEST_STEP: Final = 1.0
_HALVINGS: Final = 4
# The second step may gain little where the third gains much.
_ENOUGH: Final = 1e-3

Vector = list[float]
Matrix = list[list[float]]


@dataclass(frozen=True)
class Fit:
    """The best parameters that were found."""

    parameters: Vector
    told: Vector
    """Of each parameter, the share of its prior variance that the residuals took away."""
    loss: float
    residuals: Vector
    evaluations: int


def fit(residuals_at: Callable[[Vector], Vector], sigmas: Sequence[float], noise: float, steps: int = _STEPS) -> Fit:
    """From all parameters 0.

    Args:
        residuals_at: the residuals with such parameters.
        sigmas: standard deviations of the parameters.
        noise: standard deviation of a residual.
        steps: the most steps.
    """
    evaluations = 0

    def evaluated(parameters: Vector) -> tuple[Vector, float]:
        nonlocal evaluations
        evaluations += 1
        residuals = residuals_at(parameters)
        return residuals, _loss(residuals, parameters, sigmas, noise)

    parameters = [0.0] * len(sigmas)
    residuals, loss = evaluated(parameters)
    curvature: Matrix = []
    for _ in range(steps):
        curvature, slope = _normal_equations(residuals, parameters, sigmas, noise, lambda at: evaluated(at)[0])
        step = [max(-_LONGEST_STEP, min(_LONGEST_STEP, value)) for value in solved(curvature, slope)]
        before, scale = loss, 1.0
        for _ in range(_HALVINGS):
            tried = [value - scale * part for value, part in zip(parameters, step, strict=True)]
            found, there = evaluated(tried)
            if there < loss:
                parameters, residuals, loss = tried, found, there
                break
            scale *= 0.5
        if before - loss < _ENOUGH * before:
            break
    variances = inverse_diagonal(curvature)
    told = [1.0 - variance / (sigma * sigma) for variance, sigma in zip(variances, sigmas, strict=True)]
    return Fit(parameters, told, loss, residuals, evaluations)


def _loss(residuals: Vector, parameters: Vector, sigmas: Sequence[float], noise: float) -> float:
    total = 0.0
    for residual in residuals:
        size = abs(residual)
        total += size * size / 2 if size < HUBER else HUBER * (size - HUBER / 2)
    prior = sum(value * value / (sigma * sigma) for value, sigma in zip(parameters, sigmas, strict=True)) / 2
    return total / (noise * noise) + prior


def _normal_equations(
    residuals: Vector,
    parameters: Vector,
    sigmas: Sequence[float],
    noise: float,
    residuals_at: Callable[[Vector], Vector],
) -> tuple[Matrix, Vector]:
    count = len(parameters)
    slopes = []
    for index in range(count):
        moved = list(parameters)
        moved[index] += _DIFFERENCE
        beside = residuals_at(moved)
        slopes.append([(there - here) / _DIFFERENCE for here, there in zip(residuals, beside, strict=True)])
    weights = [(1.0 if abs(value) < HUBER else HUBER / abs(value)) / (noise * noise) for value in residuals]
    curvature = [
        [
            sum(weight * a * b for weight, a, b in zip(weights, slopes[row], slopes[column], strict=True))
            + (1 / (sigmas[row] * sigmas[row]) if row == column else 0.0)
            for column in range(count)
        ]
        for row in range(count)
    ]
    slope = [
        sum(weight * a * value for weight, a, value in zip(weights, slopes[row], residuals, strict=True))
        + parameters[row] / (sigmas[row] * sigmas[row])
        for row in range(count)
    ]
    return curvature, slope


def solved(matrix: Matrix, right: Vector) -> Vector:
    """By Cholesky's decomposition; the matrix is symmetric and positive definite, as priors make it."""
    count = len(right)
    root = [[0.0] * count for _ in range(count)]
    for row in range(count):
        for column in range(row + 1):
            rest = matrix[row][column] - sum(root[row][k] * root[column][k] for k in range(column))
            root[row][column] = sqrt(rest) if row == column else rest / root[column][column]
    half = [0.0] * count
    for row in range(count):
        half[row] = (right[row] - sum(root[row][k] * half[k] for k in range(row))) / root[row][row]
    result = [0.0] * count
    for row in reversed(range(count)):
        below = sum(root[k][row] * result[k] for k in range(row + 1, count))
        result[row] = (half[row] - below) / root[row][row]
    return result


def inverse_diagonal(matrix: Matrix) -> Vector:
    """The diagonal of the inverse."""
    count = len(matrix)
    return [solved(matrix, [float(row == column) for row in range(count)])[column] for column in range(count)]
