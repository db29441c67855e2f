"""From a loaded model to a folder with two graphs and a manifest."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import onnx

from limner.atomic import new_folder
from limner.errors import ModelError
from limner.models.manifest import (
    MANIFEST_FILE,
    GraphFile,
    Graphs,
    InputSpec,
    Manifest,
)
from limner.models.registry import LoadedModel
from limner.sam.model import count_parameters
from limner_onnx.check import OnnxModel, largest_difference
from limner_onnx.graphs import write_decode, write_prepare

EXPORT_VERSION = 11  # counts up when the same weights give other graphs


def export_model(loaded: LoadedModel, out_root: Path) -> Manifest:
    """Write ``out_root/<weights_sha256>/{prepare.onnx, decode.onnx, manifest.json}``; what is there already is kept.

    The folder appears whole or not at all, also when several processes export at once.

    Raises:
        ExportFailed: when onnxruntime and torch disagree.
    """
    folder = out_root / loaded.weights_sha256
    present = _usable(folder)
    if present is not None:
        return present
    with new_folder(folder, keep=lambda: _usable(folder) is not None) as fresh:
        write_graphs(loaded, fresh)
    return Manifest.read(folder)


def write_graphs(loaded: LoadedModel, folder: Path) -> Manifest:
    """Trace, check and describe ``loaded`` in an existing, empty folder.

    Raises:
        ExportFailed: when onnxruntime and torch disagree.
    """
    model, config = loaded.model, loaded.model.config
    prepare, decode = folder / "prepare.onnx", folder / "decode.onnx"
    split = model.split().eval()
    write_prepare(split, config, prepare)
    write_decode(split, config, decode)
    difference = largest_difference(model, OnnxModel(prepare, decode))
    manifest = Manifest(
        exporter=EXPORT_VERSION,
        name=loaded.name,
        title=loaded.title or loaded.name,
        family=config.family,
        licence=loaded.licence,
        parameters=count_parameters(model),
        weights_sha256=loaded.weights_sha256,
        input=InputSpec(
            image_size=config.image_size, fit=config.fit, pixel_mean=config.pixel_mean, pixel_std=config.pixel_std
        ),
        features=config.features,
        prompts=config.prompts,
        masks=config.masks,
        graphs=Graphs(prepare=describe(prepare), decode=describe(decode)),
        max_abs_difference=difference,
        quality=dict(loaded.quality),
    )
    (folder / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def describe(path: Path) -> GraphFile:
    """Name, hash, size and tensors of an ONNX file."""
    content = path.read_bytes()
    graph = onnx.load_from_string(content).graph
    return GraphFile(
        file=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        inputs=tuple(node.name for node in graph.input),
        outputs=tuple(node.name for node in graph.output),
    )


def copy_graphs(folder: Path, out: Path) -> None:
    """Copy an exported folder's files to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        shutil.copyfile(path, out / path.name)


def _usable(folder: Path) -> Manifest | None:
    """The manifest in ``folder`` when it is of this version and its graphs have the bytes that it names."""
    try:
        manifest = Manifest.read(folder)
    except ModelError:  # absent, or of another version: exporting again mends both
        return None
    graphs = (manifest.graphs.prepare, manifest.graphs.decode)
    intact = all(_sha256(folder / graph.file) == graph.sha256 for graph in graphs)
    return manifest if intact and manifest.exporter == EXPORT_VERSION else None


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
