"""The encoder's process: in this process with a tiny model, and once as it is with Samlet."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from limner.blobs import BlobStore, embedding_key, image_key
from limner.config import Settings
from limner.encoding.protocol import Encode, Encoded, Failed, Loading, Prepare, Progress, Ready, Report, Unusable
from limner.encoding.service import EmbeddingService
from limner.encoding.states import EncodeEvent, EncodingStatus, Target
from limner.encoding.wire import unpack
from limner.errors import StorageFull
from limner.models.catalogue import find_model
from limner.models.manifest import PREPROCESSING_VERSION, graphs_folder
from limner.models.registry import LoadedModel
from limner.segment.predictor import Predictor
from limner.vocabulary.geometry import Region
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from limner.workers import loaded as loaded_module
from limner.workers.encode import DECODING_THREADS, Ahead, Worker
from limner.workers.encoder import Arrays, Encoder
from tests.conftest import install_card
from tests.workers.tiny import TinyModel

MODEL = "c" * 64


def png(colour: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def of(image_sha256: str, region: Region | None = None, model_sha256: str = MODEL) -> Target:
    return Target(image_sha256, model_sha256, region)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, model="tiny")
        self.blobs = BlobStore(self.settings.resolved_blob_url)
        self.reports: list[Report] = []
        self.model = TinyModel()
        self.worker: Worker

    def image(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self.blobs.put(image_key(sha256), data)
        return sha256

    def encode(self, *targets: str | Target) -> list[Report]:
        self.reports.clear()
        asked = [of(target) if isinstance(target, str) else target for target in targets]
        self.worker.serve(iter([Encode(targets=asked)]))
        return list(self.reports)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench(tmp_path)
    monkeypatch.setattr(loaded_module, "load_model", lambda name, home: LoadedModel(bench.model, name, MODEL))
    monkeypatch.setattr(loaded_module, "export_model", lambda loaded, root: None)
    bench.worker = Worker(bench.settings, bench.reports.append)
    return bench


def test_the_start_is_reported(bench: Bench) -> None:
    assert [type(report) for report in bench.reports] == [Progress, Progress, Ready]
    ready = bench.reports[-1]
    assert isinstance(ready, Ready)
    assert (ready.device, ready.model_sha256, ready.batch_size) == ("cpu", MODEL, 1)


def test_an_embedding_is_stored_with_what_it_is_of(bench: Bench) -> None:
    image = bench.image(png((200, 10, 10)))
    (report,) = bench.encode(image)
    key = embedding_key(image, MODEL, PREPROCESSING_VERSION)
    assert isinstance(report, Encoded)
    assert report.bytes == bench.blobs.size(key)
    assert report.seconds > 0
    features, info = unpack(bench.blobs.get(key))
    assert {name: values.shape for name, values in features.items()} == {IMAGE_EMBEDDINGS: (1, 3, 4, 4)}
    assert (info.image_sha256, info.model_sha256) == (image, MODEL)
    assert (info.image_height, info.image_width, info.image_size) == (30, 40, 32)


def test_the_embedding_of_a_region_is_that_of_its_crop(bench: Bench) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    image, region = bench.image(buffer.getvalue()), Region(96, 128, 304, 160)
    whole, part = bench.encode(image, of(image, region))
    assert isinstance(whole, Encoded)
    assert isinstance(part, Encoded)
    stored, info = unpack(bench.blobs.get(embedding_key(image, MODEL, PREPROCESSING_VERSION, region=region)))
    expected = Predictor(bench.model).embed(pixels[128:288, 96:400]).features[IMAGE_EMBEDDINGS].detach().numpy()
    np.testing.assert_array_equal(stored[IMAGE_EMBEDDINGS], expected.astype(np.float16).astype(np.float32))
    assert (info.image_height, info.image_width, info.region) == (300, 400, region)
    (again,) = bench.encode(of(image, region))
    assert isinstance(again, Encoded)
    assert again.seconds == 0


def test_what_follows_is_looked_for_before_its_turn_and_once() -> None:
    one, two, three = (of(name * 64) for name in "abc")
    asked: list[Target] = []
    found = threading.Condition()

    def find(target: Target) -> Report:
        with found:
            asked.append(target)
            found.notify_all()
        return Encoded(target=target, seconds=0, bytes=0)

    with ThreadPoolExecutor(1) as pool:
        ahead = Ahead(pool, find)
        assert list(ahead.take([one], [two, three])) == [one]
        with found:
            assert found.wait_for(lambda: asked == [one, two, three], 60)
        assert list(ahead.take([two], [])) == [two]  # three is nobody's next any more
        assert list(ahead.take([three, two], [])) == [three, two]
    assert asked == [one, two, three, three, two]


def test_images_that_follow_are_encoded_like_others(bench: Bench) -> None:
    targets = [of(bench.image(png((shade, 0, 0)))) for shade in range(3)]
    requests = [Encode(targets=[target], following=targets[at + 1 :]) for at, target in enumerate(targets)]
    bench.reports.clear()
    bench.worker.serve(iter(requests))
    assert [report.target for report in bench.reports if isinstance(report, Encoded)] == targets
    for shade, target in enumerate(targets):
        stored, _ = unpack(bench.blobs.get(embedding_key(target.image_sha256, MODEL, PREPROCESSING_VERSION)))
        pixels = np.full((30, 40, 3), (shade, 0, 0), np.uint8)
        expected = Predictor(bench.model).embed(pixels).features[IMAGE_EMBEDDINGS].detach().numpy()
        np.testing.assert_array_equal(stored[IMAGE_EMBEDDINGS], expected.astype(np.float16).astype(np.float32))


def test_no_more_is_decoded_ahead_than_there_are_threads_and_what_is_looked_at_does_not_wait_for_it() -> None:
    asked: list[Target] = []
    gate = threading.Event()

    def find(target: Target) -> Report:
        asked.append(target)
        if target in following:
            assert gate.wait(60)
        return Encoded(target=target, seconds=0, bytes=0)

    first, looked, *following = (of(name * 64) for name in "abcdefghi")
    with ThreadPoolExecutor(DECODING_THREADS - 1) as pool:  # the last of those ahead waits for a thread
        ahead = Ahead(pool, find)
        ahead.take([first], following)
        releasing = threading.Timer(0.05, gate.set)
        releasing.start()
        assert list(ahead.take([looked], following)) == [looked]
    begun = following[: DECODING_THREADS - 1]
    assert set(asked[: DECODING_THREADS + 1]) == {first, looked, *begun}
    assert asked[DECODING_THREADS + 1 :] == following[DECODING_THREADS - 1 : DECODING_THREADS]


def test_the_card_may_choose_onnxruntime(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    image = bench.image(png((200, 10, 10)))
    bench.encode(image)
    in_torch, _ = unpack(bench.blobs.get(embedding_key(image, MODEL, PREPROCESSING_VERSION)))
    other = "d" * 64
    loaded = LoadedModel(bench.model, "tiny", other, cpu_runtime="onnxruntime")
    monkeypatch.setattr(loaded_module, "load_model", lambda name, home: loaded)
    bench.worker = Worker(bench.settings, bench.reports.append)
    bench.model.batches.clear()
    bench.encode(of(image, None, other))
    assert bench.model.batches == []
    found, _ = unpack(bench.blobs.get(embedding_key(image, other, PREPROCESSING_VERSION)))
    np.testing.assert_allclose(found[IMAGE_EMBEDDINGS], in_torch[IMAGE_EMBEDDINGS], rtol=1e-3, atol=1e-3)


def test_a_region_outside_of_the_image_is_refused(bench: Bench) -> None:
    image = bench.image(png((1, 2, 3), (400, 300)))
    (report,) = bench.encode(of(image, Region(288, 0, 128, 128)))
    assert isinstance(report, Failed)
    assert (report.code, report.lasting) == ("invalid_input", True)
    assert "leaves the image" in report.message


def test_what_exists_is_not_encoded_again(bench: Bench) -> None:
    image = bench.image(png((1, 2, 3)))
    bench.encode(image)
    (report,) = bench.encode(image)
    assert isinstance(report, Encoded)
    assert report.seconds == 0
    assert bench.model.batches == [1]


def test_a_bad_image_does_not_touch_the_others(bench: Bench) -> None:
    good, broken, absent = bench.image(png((1, 2, 3))), bench.image(png((3, 2, 1))[:60]), "d" * 64
    reports = bench.encode(broken, good, absent)
    failed = {r.target.image_sha256: r for r in reports if isinstance(r, Failed)}
    assert [r.target.image_sha256 for r in reports if isinstance(r, Encoded)] == [good]
    assert failed[broken].code == "invalid_image"
    assert failed[broken].lasting
    assert failed[absent].code == "not_found"
    assert not failed[absent].lasting


def test_one_image_that_breaks_the_encoder_is_found_among_several(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    encode = Encoder.encode

    def fragile(self: Encoder, images: Sequence[NDArray[np.uint8]]) -> list[Arrays]:
        if any(rgb[0, 0, 0] == 66 for rgb in images):
            raise RuntimeError("cannot stand 66")
        return encode(self, images)

    monkeypatch.setattr(Encoder, "encode", fragile)
    images = [bench.image(png((red, 0, 0))) for red in (1, 66, 2)]
    reports = bench.encode(*images)
    assert [(type(r), r.target.image_sha256) for r in reports if isinstance(r, Encoded | Failed)] == [
        (Encoded, images[0]),
        (Failed, images[1]),
        (Encoded, images[2]),
    ]
    assert isinstance(reports[1], Failed)
    assert reports[1].message == "RuntimeError: cannot stand 66"
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_not_held_against_the_image(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: BlobStore, key: str, data: bytes) -> bool:
        raise StorageFull("There is no space left for this file.")

    image = bench.image(png((1, 2, 3)))
    monkeypatch.setattr(BlobStore, "put", full)
    (report,) = bench.encode(image)
    assert isinstance(report, Failed)
    assert (report.code, report.lasting) == ("storage_full", False)


def test_an_embedding_is_on_the_disk_with_its_name_before_the_server_hears_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server writes its row when it hears: a power loss must not leave a row without the file."""
    log = cast("list[object]", bench.reports)
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        log.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    sha256 = bench.image(png((9, 9, 9)))
    monkeypatch.setattr(os, "fsync", note)
    bench.encode(sha256)
    (told,) = (n for n, each in enumerate(log) if isinstance(each, Encoded))
    file = bench.settings.home / "blobs" / embedding_key(sha256, MODEL, PREPROCESSING_VERSION)
    content = next(n for n, each in enumerate(log) if str(each).endswith(".partial"))
    name = log.index(str(file.parent), content)
    assert content < name < told
    assert file.stat().st_size > 0


def test_weights_that_give_nonsense_store_nothing(bench: Bench) -> None:
    bench.model.gain.data.fill_(float("nan"))
    image = bench.image(png((1, 2, 3)))
    (report,) = bench.encode(image)
    assert isinstance(report, Failed)
    assert "not finite" in report.message
    assert not bench.blobs.exists(embedding_key(image, MODEL, PREPROCESSING_VERSION))


class Several(Bench):
    """Three models are installed; each has a network of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.models = {name: TinyModel() for name in ("tiny", "other", "third")}
        self.sha256s = {name: f"{number}" * 64 for number, name in enumerate(self.models)}
        self.loads: list[str] = []
        for name, sha256 in self.sha256s.items():
            install_card(folder, name, sha256)
        monkeypatch.setattr(loaded_module, "load_model", self._load)
        monkeypatch.setattr(loaded_module, "export_model", lambda loaded, root: None)
        self.worker = Worker(self.settings, self.reports.append)

    def _load(self, name: str, home: Path) -> LoadedModel:
        self.loads.append(name)
        return LoadedModel(self.models[name], name, self.sha256s[name])

    def kinds(self, *asked: str) -> list[str]:
        """What is said when an image of its own is encoded by each of these models."""
        self.reports.clear()
        images = [self.image(png((shade, len(self.loads), 0))) for shade in range(len(asked))]
        targets = [of(image, None, self.sha256s[name]) for image, name in zip(images, asked, strict=True)]
        self.worker.serve(iter([Encode(targets=[target]) for target in targets]))
        return [report.kind for report in self.reports]


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Several:
    return Several(tmp_path, monkeypatch)


def test_a_model_is_loaded_when_it_is_needed_and_the_one_used_longest_ago_makes_room(several: Several) -> None:
    assert several.loads == ["tiny"]
    assert several.kinds("tiny", "other") == ["encoded", "loading", "ready", "encoded"]
    several.kinds("tiny", "other", "tiny")
    assert several.loads == ["tiny", "other"]  # both fit
    several.kinds("third", "tiny")
    assert several.loads == ["tiny", "other", "third"]
    several.kinds("other")
    assert several.loads == ["tiny", "other", "third", "other"]
    assert [len(model.batches) for model in several.models.values()] == [4, 3, 1]


def test_each_embedding_is_stored_under_its_own_model(several: Several) -> None:
    several.models["other"].gain.data.fill_(2.0)
    image = several.image(png((10, 200, 10)))
    targets = [of(image, None, several.sha256s[name]) for name in ("tiny", "other")]
    several.worker.serve(iter([Encode(targets=[target]) for target in targets]))
    features = []
    for target in targets:
        found, info = unpack(several.blobs.get(embedding_key(image, target.model_sha256, PREPROCESSING_VERSION)))
        assert info.model_sha256 == target.model_sha256
        features.append(found[IMAGE_EMBEDDINGS])
    np.testing.assert_allclose(features[1], 2 * features[0], rtol=1e-2)


def test_a_model_that_is_gone_or_damaged_is_said_to_be_and_the_others_go_on(
    several: Several, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (several.settings.models_dir / "third" / "model.json").unlink()
    several.reports.clear()
    several.worker.serve(iter([Prepare(model_sha256=several.sha256s["third"])]))
    loading, unusable = several.reports
    assert isinstance(loading, Loading)
    assert isinstance(unusable, Unusable)
    assert "is not installed any more" in unusable.message
    monkeypatch.delitem(several.models, "other")  # as unforeseen as it gets
    assert several.kinds("other", "tiny") == ["loading", "unusable", "encoded"]
    assert "KeyError" in capsys.readouterr().err


class Listener:
    """Counts what became ready."""

    def __init__(self, done: threading.Semaphore) -> None:
        self.done = done

    def on_targets(self, events: Sequence[EncodeEvent]) -> None:
        for event in events:
            assert event.state != "failed", event.error
            if event.state == "ready":
                self.done.release()

    def on_status(self, status: EncodingStatus) -> None:
        """Not of interest here."""


def test_samlet_encodes_each_image_once_across_restarts(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, encoder_threads=1)
    blobs = BlobStore(settings.resolved_blob_url)
    log = tmp_path / "log"
    log.touch()
    shas = []
    for colour in ((250, 20, 20), (20, 20, 250)):
        data = png(colour, (64, 48))
        shas.append(hashlib.sha256(data).hexdigest())
        blobs.put(image_key(shas[-1]), data)
    command = (sys.executable, str(Path(__file__).parent / "counting_worker.py"), str(log))

    model_sha256 = find_model("samlet", tmp_path).card.weights_sha256
    manifests = []
    for images in (shas[:1], shas, shas):
        done = threading.Semaphore(0)

        service = EmbeddingService(settings, blobs, subscribers=[Listener(done)], command=command)
        service.start()
        waiting = [
            image for image in images * 2 if service.request(of(image, None, model_sha256), "look").state == "waiting"
        ]
        for _ in set(waiting):
            assert done.acquire(timeout=120)
        assert all(service.state(of(image, None, model_sha256)).state == "ready" for image in images)
        manifests.append(service.manifest(model_sha256))
        service.stop()

    assert log.read_text() == "(48, 64, 3)\n" * 2
    manifest = manifests[0]
    assert manifest is not None
    assert manifests[1] == manifest
    features, info = unpack(blobs.get(embedding_key(shas[0], service.model_sha256, PREPROCESSING_VERSION)))
    assert {name: values.shape for name, values in features.items()} == {
        spec.name: spec.shape for spec in manifest.features
    }
    assert all(np.isfinite(values).all() for values in features.values())
    assert info.model_sha256 == manifest.weights_sha256
    graphs = graphs_folder(tmp_path, manifest.weights_sha256)
    assert (graphs / manifest.graphs.prepare.file).stat().st_size == manifest.graphs.prepare.bytes
