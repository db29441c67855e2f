from __future__ import annotations

import numpy as np
import torch

from limner.sam.samlet import Samlet
from limner.train.answer_tiles import HEIGHT
from limner.train.failures import CASES, COLUMNS, failures
from tests.tiny_samlet import TINY_SAMLET


def test_every_case_is_drawn_with_its_caption() -> None:
    torch.manual_seed(0)
    rows = np.split(failures(Samlet(TINY_SAMLET)), len(CASES) // COLUMNS)
    tiles = [tile for row in rows for tile in np.split(row, COLUMNS, axis=1)]
    assert len(tiles) == len(CASES)
    for tile in tiles:
        assert tile[:HEIGHT].std() > 10
        assert tile[HEIGHT:].min() < 60  # black letters on white
