"""Intervals of shares that were counted in a sample."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054  # of the standard normal distribution: 95 % lie within ± this


def wilson(hits: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """The interval in which the share lies of which ``hits`` of ``total`` were counted.

    The score interval of E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22 (1927), pages 209–212, without correction for continuity::

        (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)        p = hits / n

    It never leaves 0 to 1 and says something about no hits at all. ``web/src/gallery/wilson.ts`` says the same.

    Args:
        hits: 0 ≤ hits ≤ total.
        total: how many were looked at; of none the share may be anything.
        z: quantile of the standard normal distribution; by default that of 95 %.

    Returns:
        (low, high), 0 ≤ low ≤ high ≤ 1.
    """
    if total == 0:
        return 0.0, 1.0
    share, weight = hits / total, z * z / total
    middle = share + weight / 2
    half = z * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    low, high = (middle - half) / (1 + weight), (middle + half) / (1 + weight)
    return (0.0 if hits == 0 else low), (1.0 if hits == total else high)
