"""Runs of a few steps: exact resume, an orderly stop, divergence, two processes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from limner.errors import InvalidFile, MissingWeights, WrongWeights
from limner.train import loop, published
from limner.train.batches import BatchDataset
from limner.train.config import Photos, TrainConfig, Validation
from limner.train.curves import draw_curves
from limner.train.parallel import Group
from limner.train.photos import Photo
from limner.train.published import published_features
from limner.train.state import TrainingState, new_samlet, read_checkpoint
from tests.train.helpers import interrupt_after, tiny_config, write_photo


def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = tiny_config(tmp_path / "whole", steps=4), tiny_config(tmp_path / "broken", steps=4)
    loop.train(whole)
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        loop.train(broken)
    assert read_checkpoint(tmp_path / "broken" / loop.CHECKPOINT)["step"] == 2
    loop.train(broken, resume=True)
    expected, resumed = (read_checkpoint(tmp_path / name / loop.CHECKPOINT) for name in ("whole", "broken"))
    assert resumed["step"] == expected["step"] == 4
    for part in ("model", "heads", "average"):
        for name, value in expected[part].items():
            assert torch.equal(value, resumed[part][name]), f"{part} {name}"
    for number, moments in expected["optimizer"]["state"].items():
        for name, value in moments.items():
            assert torch.equal(value, resumed["optimizer"]["state"][number][name])
    assert expected["optimizer"]["param_groups"] == resumed["optimizer"]["param_groups"]


def test_it_writes_weights_a_log_and_curves(tmp_path: Path) -> None:
    weights = load_file(loop.train(tiny_config(tmp_path, steps=2)))
    assert {value.dtype for value in weights.values()} == {torch.float16}
    (entry,) = (json.loads(line) for line in (tmp_path / loop.LOG).read_text().splitlines())
    assert entry["step"] == 2
    assert entry["images_per_second"] > 0
    assert {"loss_click", "learning_rate", "gradient_norm"} <= entry.keys()
    draw_curves(tmp_path / loop.LOG, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_batch_norms_follow_the_batches_unless_they_are_told_not_to(tmp_path: Path) -> None:
    moved = {}
    for moving in (True, False):
        config = tiny_config(tmp_path / str(moving), steps=2)
        config = dataclasses.replace(config, schedule=dataclasses.replace(config.schedule, moving_statistics=moving))
        before = new_samlet(config, torch.device("cpu"))[0].state_dict()
        loop.train(config)
        after = read_checkpoint(config.run.output / loop.CHECKPOINT)["model"]
        moved[moving] = {
            name for name in before if "running_" in name and not torch.equal(before[name].cpu(), after[name])
        }
    assert moved[True]
    assert not moved[False]


def test_a_loss_that_is_no_number_keeps_the_last_good_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.train(tiny_config(tmp_path, steps=2))
    before = (tmp_path / loop.CHECKPOINT).read_bytes()
    monkeypatch.setattr(loop, "train_on_batch", lambda *arguments: {"loss_click": float("nan")})
    with pytest.raises(loop.Diverged, match="step 2"):
        loop.train(tiny_config(tmp_path, steps=4), resume=True)
    assert (tmp_path / loop.CHECKPOINT).read_bytes() == before


def test_it_does_not_overwrite_a_run(tmp_path: Path) -> None:
    (tmp_path / loop.CHECKPOINT).touch()
    with pytest.raises(InvalidFile, match="holds a run already"):
        loop.train(tiny_config(tmp_path))


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="no checkpoint"):
        loop.train(tiny_config(tmp_path), resume=True)


def test_what_is_no_checkpoint_is_told_what_it_is(tmp_path: Path) -> None:
    (tmp_path / loop.CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(InvalidFile, match="it is neither safetensors nor a file that PyTorch saved"):
        loop.train(tiny_config(tmp_path), resume=True)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    weights = loop.train(tiny_config(tmp_path / "a", steps=1))
    config = tiny_config(tmp_path / "b")
    other = dataclasses.replace(config.model, embed_dim=32)
    run = dataclasses.replace(config.run, start_from=weights)
    with pytest.raises(WrongWeights, match="does not fit"):
        loop.train(dataclasses.replace(config, run=run, model=other))


def pretrained_config(output: Path, start_from: Path | None = None, steps: int = 1) -> TrainConfig:
    config = tiny_config(output, steps)
    model = dataclasses.replace(config.model, backbone="efficientnet-lite2")
    return dataclasses.replace(config, model=model, run=dataclasses.replace(config.run, start_from=start_from))


def test_a_published_backbone_learns_where_and_as_fast_as_it_should(tmp_path: Path) -> None:
    config = pretrained_config(tmp_path)
    model, heads = new_samlet(config, torch.device("cpu"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert torch.equal(before["encoder.backbone.stem.weight"], published_features().stem.weight)
    loop.train(config)
    after = read_checkpoint(tmp_path / loop.CHECKPOINT)["model"]
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "encoder.backbone.stages.2.1.expand.weight" in moved
    assert "encoder.lateral8.conv.weight" in moved
    assert not any(name.startswith(("encoder.backbone.stem", "encoder.backbone.stages.0.")) for name in moved)
    assert not any(".depthwise." in name for name in moved if "backbone" in name)

    state = TrainingState(model, heads, config.schedule, rates={"encoder.backbone.": 0.5})
    rate = state.set_learning_rate(config.schedule)
    assert {(group["share"], group["lr"]) for group in state.optimizer.param_groups} == {(1.0, rate), (0.5, rate / 2)}


def test_a_checkpoint_of_a_published_backbone_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.train(pretrained_config(tmp_path / "first"))
    monkeypatch.setattr(published, "PACKAGE", "no-such-package-anywhere")
    for start in (loop.CHECKPOINT, loop.WEIGHTS):
        loop.train(pretrained_config(tmp_path / start.replace(".", "-"), start_from=tmp_path / "first" / start))
    with pytest.raises(MissingWeights, match="no-such-package-anywhere"):
        loop.train(pretrained_config(tmp_path / "none"))


def test_sources_left_out_are_validated_on_and_not_trained_on(tmp_path: Path) -> None:
    for shade in range(12):
        write_photo(tmp_path / "photos", f"p{shade}", shade=shade, source=("squares", "others")[shade % 2])
    config = tiny_config(tmp_path / "run", steps=2)
    schedule = dataclasses.replace(config.schedule, validate_every=2)
    photos = Photos(share=1.0, folders=(tmp_path / "photos",), paste=1.0)
    validation = Validation(images_per_source=3, scenes=2, leave_out=("others",))
    config = dataclasses.replace(config, schedule=schedule, photos=photos, validation=validation)
    pool = BatchDataset(config).photos
    assert pool is not None
    assert {photo.source for photo in pool.photos()} == {"squares"}
    loop.train(config)
    lines = [json.loads(line) for line in (tmp_path / "run" / loop.LOG).read_text().splitlines()]
    assert set(lines[-1]["miou"]) == {"1", "3", "5", "box"}
    assert set(lines[-1]["sources"]) == {"others"}  # squares are all near-copies of each other


def test_a_source_to_leave_out_must_exist(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos", "p")
    photos = Photos(share=1.0, folders=(tmp_path / "photos",))
    config = dataclasses.replace(tiny_config(tmp_path), photos=photos, validation=Validation(leave_out=("coco",)))
    with pytest.raises(InvalidFile, match="'coco'") as caught:
        loop.measured_photos(config)
    assert "squares" in str(caught.value.hint)


TWO_PROCESSES = """
[run]
output = "{folder}/run"
processes = 2
workers = {workers}
[schedule]
steps = {steps}
warmup = 1
log_every = 1
[[sizes]]
size = 64
images = 1
share = 1
[prompts]
per_image = 2
[scenes]
share = 1
[model]
image_size = 64
backbone = "convolutions"
encoder_widths = [8, 8, 16, 16, 16]
encoder_depths = [1, 1, 1, 1]
embed_dim = 16
decoder_channels = 16
upscale_channels = [8, 8, 4]
"""


def start_two_processes(folder: Path, steps: int, workers: int) -> subprocess.Popen[bytes]:
    (folder / "run.toml").write_text(TWO_PROCESSES.format(folder=folder, steps=steps, workers=workers))
    command = [sys.executable, "-m", "limner.train", str(folder / "run.toml")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_two_processes_train_one_model(tmp_path: Path) -> None:
    process = start_two_processes(tmp_path, steps=2, workers=0)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output.decode()
    assert read_checkpoint(tmp_path / "run" / loop.CHECKPOINT)["step"] == 2
    first = json.loads((tmp_path / "run" / loop.LOG).read_text().splitlines()[0])
    assert first["images"] == 2


def test_sigterm_ends_two_processes_in_order(tmp_path: Path) -> None:
    process = start_two_processes(tmp_path, steps=100_000, workers=1)
    log = tmp_path / "run" / loop.LOG
    while process.poll() is None and not (log.is_file() and log.read_text()):
        time.sleep(0.1)
    process.terminate()
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output.decode()
    assert 0 < read_checkpoint(tmp_path / "run" / loop.CHECKPOINT)["step"] < 100_000


def test_a_process_that_fails_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / loop.CHECKPOINT).touch()
    process = start_two_processes(tmp_path, steps=2, workers=0)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert b"holds a run already" in output


AFTER_OPENCV_HAD_THREADS = """
import dataclasses, sys
from pathlib import Path
import cv2, numpy as np
from limner.train import loop
from tests.train.helpers import tiny_config

cv2.setNumThreads(4)
cv2.cvtColor(np.zeros((2000, 2000, 3), np.uint8), cv2.COLOR_BGR2RGB)
config = tiny_config(Path(sys.argv[1]), steps=2)
loop.train(dataclasses.replace(config, run=dataclasses.replace(config.run, workers=1)))
"""


def test_data_processes_do_not_wait_for_threads_that_opencv_had_before(tmp_path: Path) -> None:
    command = [sys.executable, "-c", AFTER_OPENCV_HAD_THREADS, str(tmp_path / "run")]
    subprocess.run(command, check=True, timeout=300)
    assert read_checkpoint(tmp_path / "run" / loop.CHECKPOINT)["step"] == 2


A_STEP_THAT_FAILS = """
import dataclasses, sys
from pathlib import Path
from limner.train import loop
from tests.train.helpers import tiny_config

def fail(*arguments):
    raise RuntimeError("nobody expected this")

loop.train_on_batch = fail
config = tiny_config(Path(sys.argv[1]), steps=9)
loop.train(dataclasses.replace(config, run=dataclasses.replace(config.run, workers=1)))
"""


def test_an_unexpected_error_ends_the_run_and_its_data_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", A_STEP_THAT_FAILS, str(tmp_path / "run")]
    ended = subprocess.run(command, check=False, capture_output=True, timeout=120)
    assert ended.returncode == 1
    assert b"nobody expected this" in ended.stderr


def test_of_two_processes_none_is_left_when_one_fails_in_an_unexpected_way(tmp_path: Path) -> None:
    (tmp_path / "run" / loop.WEIGHTS).mkdir(parents=True)  # no file can be written there
    process = start_two_processes(tmp_path, steps=4, workers=1)
    output, _ = process.communicate(timeout=300)  # the pipe is open as long as any of them lives
    assert process.returncode == 1
    assert b"A training process ended with status 1" in output


def test_a_photo_that_cannot_be_read_loses_no_step(tmp_path: Path) -> None:
    for shade in range(8):
        write_photo(tmp_path / "photos", f"p{shade}", shade=shade)
    photos = Photos(share=1.0, folders=(tmp_path / "photos",), paste=0.0)
    config = dataclasses.replace(tiny_config(tmp_path / "run", steps=200), photos=photos, scenes=None)
    config = dataclasses.replace(config, run=dataclasses.replace(config.run, workers=1))
    config = dataclasses.replace(config, schedule=dataclasses.replace(config.schedule, checkpoint_every=1000))
    (tmp_path / "photos" / "p3.png").write_bytes(b"cut off")
    with pytest.raises(InvalidFile, match=r"p3\.png is no image that can be decoded\.$"):
        loop.train(config)
    assert read_checkpoint(tmp_path / "run" / loop.CHECKPOINT)["step"] < 200


def test_a_run_that_is_told_to_stop_is_not_measured_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config(tmp_path / "run", steps=50)
    interrupt_after(2, monkeypatch)
    state = TrainingState(*new_samlet(config, torch.device("cpu")), config.schedule)
    task = loop.Task(BatchDataset(config), list[Photo], lambda model, path, steps: None, validate_ends=True)
    loop.run(config, task, state, Group(), resume=False)
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / loop.LOG).read_text().splitlines()]
    assert steps == [0, 2]  # before the first, and the log's own line
