"""Is one model better than another? Both answer the same prompts on the same masks; a bootstrap says how sure it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidInput
from limner.train.evaluation import Results

RESAMPLES = 10_000
CHUNK = 500  # resamples held in memory at once
CONFIDENCE = 0.95
OVERALL = "mean"
LEAST_MASKS = 6  # what all of fewer share comes by chance in more than 1 of 40 cases (2**-5)


@dataclass(frozen=True)
class Difference:
    """mIoU of the second model minus that of the first, with the ends of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Two models on the same masks. Figures are means over sources, as in ``limner evaluate``.

    Attributes:
        first: mIoU by number of clicks and "box".
        second: the same of the other model.
        differences: second minus first, by the same names, and "mean" over all of them.
        masks: how many were measured.
    """

    first: dict[str, float]
    second: dict[str, float]
    differences: dict[str, Difference]
    masks: int

    @property
    def second_is_better(self) -> bool:
        """Whether the whole interval of the mean difference lies above zero; of very few masks it says nothing."""
        return self.masks >= LEAST_MASKS and self.differences[OVERALL].low > 0

    def to_json(self) -> dict[str, object]:
        """The form that scripts read."""
        return asdict(self) | {"confidence": CONFIDENCE, "second_is_better": self.second_is_better}


def compare(first: Results, second: Results, *, seed: int = 0) -> Comparison:
    """Paired comparison, resampled mask by mask within every source (Efron's percentile bootstrap, stratified).

    Args:
        first: IoUs by source and mask, as ``measure`` gives them.
        second: the same masks in the same order, answered by the other model.
        seed: of the resampling.

    Raises:
        InvalidInput: when the two were not measured on the same masks by the same prompts.
    """
    if {s: len(rows) for s, rows in first.items()} != {s: len(rows) for s, rows in second.items()}:
        raise InvalidInput("The models were measured on different masks.", hint="Measure both on the same folders.")
    names = list(next(iter(first.values()))[0])
    before, after = (np.stack([_table(rows, names).mean(0) for rows in r.values()]).mean(0) for r in (first, second))
    changes = [_table(second[source], names) - _table(first[source], names) for source in first]  # (masks, names) each
    resampled = _resampled_means(changes, np.random.default_rng(seed))  # (RESAMPLES, names)
    differences = {
        name: _difference(float(after[column] - before[column]), resampled[:, column])
        for column, name in enumerate(names)
    }
    differences[OVERALL] = _difference(float((after - before).mean()), resampled.mean(1))
    return Comparison(
        first=dict(zip(names, before.round(4).tolist(), strict=True)),
        second=dict(zip(names, after.round(4).tolist(), strict=True)),
        differences=differences,
        masks=sum(len(rows) for rows in first.values()),
    )


def _table(rows: list[dict[str, float]], names: list[str]) -> NDArray[np.float64]:
    return np.array([[row[name] for name in names] for row in rows])  # (masks, names)


def _resampled_means(changes: list[NDArray[np.float64]], rng: np.random.Generator) -> NDArray[np.float64]:
    """Means over sources of means over masks drawn again with replacement: (RESAMPLES, names)."""
    chunks = []
    for start in range(0, RESAMPLES, CHUNK):
        count = min(CHUNK, RESAMPLES - start)
        means = []
        for change in changes:
            masks = len(change)
            drawn = rng.multinomial(masks, np.full(masks, 1 / masks), size=count)  # how often each mask was drawn
            means.append(drawn @ change / masks)  # (count, names)
        chunks.append(np.mean(means, axis=0))
    return np.concatenate(chunks)


def _difference(value: float, resampled: NDArray[np.float64]) -> Difference:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Difference(round(value, 4), round(float(low), 4), round(float(high), 4))
