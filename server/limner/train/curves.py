"""A run's log as a picture."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidFile

PANEL = (420, 260)  # px, width and height of one curve
MARGIN = 36  # px
COLUMNS = 3
SMOOTHING = 0.9  # of the thick line; the thin one is the log as it is
INK, FAINT, STRONG = (60, 60, 60), (220, 205, 190), (180, 110, 30)  # BGR

Curve = list[tuple[float, float]]


def draw_curves(log: Path, picture: Path) -> None:
    """One panel per logged figure, over steps, written as PNG.

    Raises:
        InvalidFile: when the log is missing or empty.
    """
    curves = read_curves(log)
    panels = [_panel(name, curve) for name, curve in sorted(curves.items())]
    while len(panels) % COLUMNS:
        panels.append(np.full_like(panels[0], 255))
    rows = [np.concatenate(panels[i : i + COLUMNS], axis=1) for i in range(0, len(panels), COLUMNS)]
    cv2.imwrite(str(picture), np.concatenate(rows))


def read_curves(log: Path) -> dict[str, Curve]:
    """Step and value of every figure in a log; nested figures are joined with a slash."""
    if not log.is_file():
        raise InvalidFile(f"There is no log {log}.", hint="Train first.")
    curves: dict[str, Curve] = {}
    for line in log.read_text("utf-8").splitlines():
        entry = json.loads(line)
        for name, value in _flat(entry):
            if name not in ("step", "time", "cpu"):
                curves.setdefault(name, []).append((entry["step"], value))
    if not curves:
        raise InvalidFile(f"The log {log} is empty.")
    return curves


def _flat(figures: dict[str, object], prefix: str = "") -> list[tuple[str, float]]:
    flat: list[tuple[str, float]] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            flat.append((prefix + name, float(value)))
    return flat


def _panel(name: str, curve: Curve) -> NDArray[np.uint8]:
    width, height = PANEL
    panel = np.full((height, width, 3), 255, np.uint8)
    steps, values = np.array(curve).T
    low, high = float(values.min()), float(values.max())
    x = MARGIN + (steps - steps[0]) / max(1.0, steps[-1] - steps[0]) * (width - 2 * MARGIN)
    scale = (height - 2 * MARGIN) / max(high - low, 1e-9)
    for series, colour, thickness in ((values, FAINT, 1), (_smoothed(values), STRONG, 2)):
        y = height - MARGIN - (series - low) * scale
        line = np.stack([x, y], axis=1).round().astype(np.int32)
        cv2.polylines(panel, [line], False, colour, thickness, cv2.LINE_AA)
    for text, place in (
        (f"{name}: {values[-1]:.4g}", (MARGIN, 22)),
        (f"{high:.4g}", (2, MARGIN + 4)),
        (f"{low:.4g}", (2, height - MARGIN + 4)),
        (f"step {int(steps[-1])}", (width - 110, height - 10)),
    ):
        cv2.putText(panel, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
    return panel


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    smooth = np.array(values)
    for index in range(1, len(smooth)):
        smooth[index] = SMOOTHING * smooth[index - 1] + (1 - SMOOTHING) * values[index]
    return smooth
