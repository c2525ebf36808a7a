"""How the cost of work grows with its size: a ratio of two runs, so that a busy machine does not decide."""

from __future__ import annotations

import time
from collections.abc import Callable

_FACTOR = 8
_ALLOWED = 24
"""Eight times the size: about 8 when the cost grows with it, about 64 when it grows with its square."""


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Fails when eight times `size` costs far more than eight times as much CPU."""
    ratios = [_cost(work, size * _FACTOR) / _cost(work, size) for _ in range(3)]
    assert min(ratios) < _ALLOWED, ratios


def _cost(work: Callable[[int], object], size: int) -> float:
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        work(size)
        best = min(best, time.thread_time() - started)
    return max(best, 1e-6)
