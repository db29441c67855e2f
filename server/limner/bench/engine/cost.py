"""Seconds of a person for what is done to a mask: published figures, put together. Nobody was measured for it.

- **first click** on an object, looking for it included: 2.4 s (Bearman et al. 2016, "What's the point",
  arXiv:1506.02106).
- **further click**, looking at what the one before gave included: 1.9 s (Papadopoulos et al. 2017, "Training object
  class detectors with click supervision", arXiv:1704.06189).
- **verdict** on a mask that is there: 1.6 s (Papadopoulos et al. 2016, "We don't need no bounding-boxes",
  arXiv:1602.08405). It is paid for each suggestion that is looked at, and for each mask of one's own before it is kept.
- **by brush**, what clicks could not reach: drawing the whole outline of an object by hand takes 79.2 s (Lin et al.
  2014, "Microsoft COCO", arXiv:1405.0312, section 4.3: 22 hours of work for 1,000 masks). The brush takes that share of
  it which it goes along, and at least as long as a click for each stroke.
- **by brush, flat**: 34 s for each mask that is brushed, however little is wrong with it: the mean of a mask when the
  first stage of "Segment anything" began (Kirillov et al. 2023, arXiv:2304.02643, section 4; it fell to 14 s), clicks
  included. A second sum is made of it, since no source tells what a correction of a mask costs.

Whatever the machine takes is no time of a person: it works ahead, and a click is answered before the next one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from limner.errors import InvalidInput


@dataclass(frozen=True)
class Brushing:
    """What the brush did to a mask.

    Attributes:
        outline: share of the object's outline that it went along, 0 to 1.
        strokes: places that it corrected; 0: it was not needed.
    """

    outline: float = 0.0
    strokes: int = 0


NOT_BRUSHED = Brushing()


@dataclass(frozen=True)
class Cost:
    """Seconds of a person."""

    first_click: float = 2.4
    further_click: float = 1.9
    verdict: float = 1.6
    outline: float = 79.2
    flat_brush: float = 34.0

    def drawing(self, clicks: int, brushing: Brushing = NOT_BRUSHED, *, flat: bool = False) -> float:
        """Of a mask that was drawn with so many clicks, at least one, and finished with the brush or without."""
        clicking = self.first_click + (clicks - 1) * self.further_click
        return clicking + self.verdict + self.brushing(brushing, flat=flat)

    def correcting(self, clicks: int, brushing: Brushing = NOT_BRUSHED, *, flat: bool = False) -> float:
        """Of correcting a suggestion that was taken, with so many clicks, maybe none, and with the brush or without."""
        return clicks * self.further_click + self.verdict + self.brushing(brushing, flat=flat)

    def brushing(self, brushing: Brushing, *, flat: bool = False) -> float:
        """Of the brush alone."""
        if not brushing.strokes:
            return 0.0
        return self.flat_brush if flat else max(brushing.strokes * self.further_click, brushing.outline * self.outline)


def with_changes(changes: Iterable[str]) -> Cost:
    """The usual seconds with some changed, each as ``NAME=SECONDS``.

    Raises:
        InvalidInput: for an unknown name, or what is no number of seconds.
    """
    cost = Cost()
    names = [field.name for field in dataclasses.fields(Cost)]
    for change in changes:
        name, _, value = change.partition("=")
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if name not in names or not 0 <= seconds < 1e6:
            raise InvalidInput(
                f"--cost {change} is no cost.", hint=f"Give NAME=SECONDS with one of the names {', '.join(names)}."
            )
        cost = dataclasses.replace(cost, **{name: seconds})
    return cost
