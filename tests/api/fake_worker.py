"""Stands in for the encoder's process: speaks its protocol, writes real files, needs no model but its card."""

from __future__ import annotations

import hashlib
import sys
import time

import numpy as np

from limner.blobs import BlobStore, embedding_key, image_key
from limner.config import Settings
from limner.encoding.protocol import Encode, Encoded, Failed, Ready, Report, Unusable, parse_request
from limner.encoding.states import Target
from limner.encoding.wire import EmbeddingInfo, pack
from limner.models.catalogue import find_model, look_through
from limner.models.manifest import PREPROCESSING_VERSION, Manifest, graphs_folder
from limner.vocabulary.specs import IMAGE_EMBEDDINGS

POISON_BYTES = 250  # an image file of fewer bytes than this fails


def write_graphs(settings: Settings, sha256: str, model_name: str) -> None:
    folder = graphs_folder(settings.home, sha256)
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {}
    for name in ("prepare", "decode"):
        data = f"the graph {name}".encode()
        (folder / f"{name}.onnx").write_bytes(data)
        graphs[name] = {
            "file": f"{name}.onnx",
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "inputs": ["image_embeddings"],
            "outputs": ["prepared"],
        }
    manifest = Manifest.model_validate(
        {
            "name": model_name,
            "title": "Testlet",
            "family": "samlet",
            "licence": "Apache-2.0",
            "parameters": 1,
            "weights_sha256": sha256,
            "input": {"image_size": 64, "pixel_mean": [0, 0, 0], "pixel_std": [1, 1, 1]},
            "features": [{"name": "image_embeddings", "channels": 2, "height": 4, "width": 4}],
            "graphs": graphs,
            "max_abs_difference": 0.0,
        }
    )
    (folder / "manifest.json").write_text(manifest.to_json())


def encode(blobs: BlobStore, target: Target) -> Encoded | Failed:
    sha256, model_sha256 = target.image_sha256, target.model_sha256
    if len(blobs.get(image_key(sha256))) < POISON_BYTES:
        return Failed(target=target, code="invalid_image", message="it is poison", lasting=True)
    info = EmbeddingInfo(
        image_sha256=sha256,
        model_sha256=model_sha256,
        preprocessing_version=PREPROCESSING_VERSION,
        image_height=48,
        image_width=64,
        image_size=64,
        region=target.region,
    )
    features = {IMAGE_EMBEDDINGS: np.random.default_rng(0).normal(size=(1, 2, 4, 4)).astype(np.float32)}
    data = pack(features, info)
    ended = time.time()
    blobs.put(embedding_key(sha256, model_sha256, PREPROCESSING_VERSION, region=target.region), data)
    return Encoded(target=target, seconds=0.25, bytes=len(data), ended=ended)


def main() -> None:
    settings = Settings()
    blobs = BlobStore(settings.resolved_blob_url)
    out = sys.stdout.buffer
    ready: set[str] = set()

    def say(report: Report) -> None:
        out.write(report.line())
        out.flush()

    def load(sha256: str) -> bool:
        if sha256 in ready:
            return True
        found = {model.card.weights_sha256: model.name for model in look_through(settings.home)[0]}
        if sha256 not in found:
            say(Unusable(model_sha256=sha256, message="It is gone."))
            return False
        write_graphs(settings, sha256, found[sha256])
        ready.add(sha256)
        say(Ready(device="cpu", model_sha256=sha256, threads=1, batch_size=1))
        return True

    load(find_model(settings.model, settings.home).card.weights_sha256)
    for line in sys.stdin.buffer:
        request = parse_request(line)
        if not isinstance(request, Encode):
            load(request.model_sha256)
        elif load(request.targets[0].model_sha256):
            for target in request.targets:
                say(encode(blobs, target))


if __name__ == "__main__":
    main()
