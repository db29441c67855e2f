"""The export's bench compares two ways to write the same project."""

from __future__ import annotations

import json

import numpy as np
import pytest

from limner.bench.export import PER_IMAGE, project_of, run, script
from limner.formats.coco import Segmentations, export_coco
from limner.vocabulary import rle


@pytest.mark.parametrize("segmentations", ["rle", "polygon"])
def test_limner_and_the_script_write_the_same_objects(segmentations: Segmentations) -> None:
    with project_of(PER_IMAGE + 1) as (database, project_id):
        ours = json.loads(b"".join(export_coco(database, project_id, segmentations)))
        theirs = json.loads(script(database, project_id, segmentations))
    assert len(ours["images"]) == len(theirs["images"]) == 2
    assert len(ours["annotations"]) == PER_IMAGE + 1
    by_id = {each["id"]: each for each in theirs["annotations"]}
    for one in ours["annotations"]:
        other = by_id[one["id"]]
        assert [one[key] for key in ("id", "bbox", "area", "iscrowd")] == [
            other[key] for key in ("id", "bbox", "area", "iscrowd")
        ]
        if segmentations == "rle":
            assert one["segmentation"] == other["segmentation"]
        else:  # along the edges of pixels, through the middles of pixels
            xs, others = (np.concatenate([ring[::2] for ring in each["segmentation"]]) for each in (one, other))
            assert np.allclose((xs.min(), xs.max()), (others.min(), others.max() + 1))


def test_every_size_is_taken_out_both_ways_and_what_it_holds_in_memory_is_said() -> None:
    results = list(run([PER_IMAGE], rounds=1))
    assert [each.case for each in results] == ["20 annotations as rle", "20 annotations as polygon"]
    assert all("memory at its highest" in each.notes and each.ratio > 0 for each in results)


def test_masks_of_the_bench_are_those_of_its_documents() -> None:
    with project_of(1) as (database, project_id):
        (annotation,) = json.loads(script(database, project_id, "rle"))["annotations"]
    assert rle.decode(annotation["segmentation"]).sum() == annotation["area"] > 0
