"""How far people agree on categories, beyond what chance gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence


def cohens_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa of what two people said of the same things: 1 is agreement, 0 is what chance gives, −1 the least.

    (p_o − p_e) / (1 − p_e) with the share p_o of things on which both said the same, and the share p_e on which they
    would, had each said what they said of things at random. J. Cohen, *A Coefficient of Agreement for Nominal Scales*,
    Educational and Psychological Measurement 20 (1960).

    Args:
        pairs: what the first and what the second said, of each thing.

    Returns:
        None when it is not defined: nothing was said, or both said the same one thing of everything.
    """
    if not pairs:
        return None
    total = len(pairs)
    observed = sum(one == other for one, other in pairs) / total
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    by_chance = sum(count * second[value] for value, count in first.items()) / total**2
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def krippendorffs_alpha(units: Sequence[Sequence[Hashable]]) -> float | None:
    """Krippendorff's alpha for nominal values: 1 is agreement, 0 is what chance gives; below 0, people disagree.

    1 − D_o / D_e, from the coincidences of values within units. People may have said nothing of a unit; a unit with
    fewer than two values does not count. K. Krippendorff, *Computing Krippendorff's Alpha-Reliability* (2011),
    section C.

    Args:
        units: for each thing, what was said of it, in any order.

    Returns:
        None when it is not defined: no two people said anything of the same thing, or all said the same of all.
    """
    coincidences: Counter[Hashable] = Counter()  # of each value, with any; its sum is the number of pairable values
    disagreement = 0.0  # sum of the coincidences of two different values
    for unit in units:
        if len(unit) < 2:
            continue
        counts: Mapping[Hashable, int] = Counter(unit)
        coincidences.update(counts)
        disagreement += sum(count * (len(unit) - count) for count in counts.values()) / (len(unit) - 1)
    total = sum(coincidences.values())
    expected = sum(count * (total - count) for count in coincidences.values())
    return None if not expected else 1 - (total - 1) * disagreement / expected
