"""A small version of `make soak-cluster`: two faults in the middle of jobs, while somebody saves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cluster.faults import FAULTS
from tests.cluster.soak import run

pytest.importorskip("ray", reason="Ray cannot be installed here: pip install 'limner[cluster]'")

SMALL = ("an encoder's process is killed", "S3 is not reached for 10 s")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_a_job_is_done_and_saves_are_kept_when_an_encoder_dies_and_when_s3_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "")  # the soak sets them; they are as before afterwards
    faults = [fault for fault in FAULTS if fault.name in SMALL]
    assert len(faults) == len(SMALL)
    assert run(tmp_path, images=60, writers=1, parts=["faults"], faults=faults) == [], capsys.readouterr().out
