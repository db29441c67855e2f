"""What people are told about the encoder and its model, and what is served without either."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from limner.blobs import embedding_key
from limner.encoding import service as service_module
from limner.encoding.service import EmbeddingService
from limner.encoding.states import EmbeddingState, ProcessStatus
from limner.errors import MissingWeights, NotFound, Unavailable
from limner.models.catalogue import ModelCard
from limner.models.manifest import PREPROCESSING_VERSION
from tests.conftest import embedding_bytes
from tests.encoding.bench import MODEL_SHA256, Bench, target, wait_until


def test_what_people_are_told_about_the_encoder(bench: Bench) -> None:
    service = bench.service(running=False)
    assert service.status().encoder.state == "starting"
    assert service.manifest(MODEL_SHA256) is None
    with pytest.raises(Unavailable):
        service.graph_path(MODEL_SHA256, "decode")
    service.start()
    wait_until(lambda: service.status().encoder.state == "ready" and bench.statuses)  # changes may be told as one
    status = service.status()
    assert status.encoder == ProcessStatus(state="ready", message="", threads=1)
    assert (status.device, status.model, status.model_sha256) == ("cpu", "tiny", bench.model_sha256)
    assert service.graph_path(MODEL_SHA256, "decode").read_bytes() == b"decode"
    with pytest.raises(NotFound):
        service.graph_path(MODEL_SHA256, "../manifest")


def test_a_model_that_cannot_be_loaded_is_reported(bench: Bench) -> None:
    service = bench.service("broken")
    bench.wait(lambda: service.status().encoder.state == "failed")
    assert service.status().encoder.message.startswith("The weights are damaged.")


def test_a_missing_model_is_reported_and_asks_for_nothing(bench: Bench) -> None:
    settings = bench.settings.model_copy(update={"model": "sam_vit_h"})
    service = EmbeddingService(settings, bench.blobs)
    assert "limner models pull sam_vit_h" in service.status().encoder.message
    with pytest.raises(MissingWeights, match="limner models pull sam_vit_h"):
        _ = service.model_sha256
    assert service.state(target(bench.image("x"))) == EmbeddingState("none")


def test_a_server_without_torch_says_so_and_serves_what_is_encoded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "find_spec", lambda _name: None)
    service = EmbeddingService(bench.settings, bench.blobs, subscribers=[bench])
    bench.services.append(service)
    service.start()
    bench.wait(lambda: service.status().encoder.state == "failed")
    assert "limner-server[encoder]" in service.status().encoder.message
    image = bench.image("x")
    bench.blobs.put(embedding_key(image, service.model_sha256, PREPROCESSING_VERSION), embedding_bytes())
    assert service.state(target(image)).state == "ready"


def test_weights_replaced_under_a_running_server_are_named_and_never_mixed(bench: Bench) -> None:
    service = bench.service(running=False)
    model = bench.settings.models_dir / "tiny"
    (model / "weights.safetensors").write_bytes(b"others")
    card = ModelCard.model_validate_json((model / "model.json").read_text())
    other = card.model_copy(update={"weights_sha256": hashlib.sha256(b"others").hexdigest()})
    (model / "model.json").write_text(other.model_dump_json())
    service.start()
    bench.wait(lambda: service.status().encoder.state == "failed")
    assert "were replaced while the server ran" in service.status().encoder.message
    assert service.model_sha256 == bench.model_sha256


def test_the_web_process_never_imports_torch() -> None:
    code = (
        "import sys, limner.encoding.service, limner.encoding.images, limner.encoding.wire\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'limner.sam'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
