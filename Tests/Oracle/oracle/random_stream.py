"""The library's random streams, written down once more: SplitMix64 (Steele et al., OOPSLA 2014) fills the state of
xoshiro256++ (Blackman and Vigna, 2019), and a seed gives a stream for each purpose.
"""

import math

MASK = 2**64 - 1


def split_mix(state: int) -> tuple[int, int]:
    """The next state of SplitMix64, and what it gives."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    return state, mixed ^ (mixed >> 31)


def rotated(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & MASK


class RandomStream:
    """xoshiro256++, as the library seeds it for a purpose: 7 are think times, 8 samples of requests."""

    def __init__(self, seed: int, purpose: int) -> None:
        state = split_mix(seed)[1] ^ purpose
        self.state: list[int] = []
        for _ in range(4):
            state, value = split_mix(state)
            self.state.append(value)

    def next(self) -> int:
        a, b, c, d = self.state
        result = (rotated((a + d) & MASK, 23) + a) & MASK
        c, d = c ^ a, d ^ b
        self.state = [a ^ d, b ^ c, c ^ ((b << 17) & MASK), rotated(d, 45)]
        return result

    def uniform(self) -> float:
        """In 2^-53 to 1."""
        return ((self.next() >> 11) + 1) * 2.0**-53

    def exponential(self) -> float:
        """With mean 1."""
        return -math.log(self.uniform())

    def normal(self) -> float:
        """By the polar method of Marsaglia and Bray (1964), without the second deviate of a pair."""
        while True:
            x, y = 2 * self.uniform() - 1, 2 * self.uniform() - 1
            square = x * x + y * y
            if 0 < square < 1:
                return x * math.sqrt(-2 * math.log(square) / square)
