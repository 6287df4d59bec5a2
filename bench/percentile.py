"""Percentiles of what was measured."""

from collections.abc import Sequence


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Returns the nearest rank: a value that was measured. The values stand in order, and there is one at least."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
