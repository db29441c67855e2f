"""What client and server must know about a model: one JSON file beside its two graphs.

Neither side special-cases a model: sizes, normalisation, features, prompts, masks and files all come from here. The
exporter writes the file, the server serves it, the page reads it. The files live in
``<home>/graphs/<weights_sha256>/``, so that a manifest and its graphs never belong to other weights than
their address says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from limner.errors import ModelError, NotFound, Unavailable
from limner.vocabulary.geometry import Fit
from limner.vocabulary.specs import SAM_MASKS, SAM_PROMPTS, FeatureSpec, MaskSpec, PromptSpec

PREPROCESSING_VERSION = 1  # resize, normalise and pad as limner.sam.transforms does; counts up when that changes
MANIFEST_FILE = "manifest.json"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec(_Frozen):
    """How pixels become the encoder's input: a square of so many px, see ``ImageGeometry``; (value - mean) / std."""

    image_size: Count
    fit: Fit = "pad"
    pixel_mean: tuple[float, float, float]
    pixel_std: tuple[float, float, float]


class GraphFile(_Frozen):
    """One ONNX file: its name beside the manifest, its content hash, and its tensors in order."""

    file: str
    sha256: Sha256
    bytes: Count
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Graphs(_Frozen):
    """``prepare`` runs per image, ``decode`` per click; prepare gives what decode takes by the same name."""

    prepare: GraphFile
    decode: GraphFile


class Manifest(_Frozen):
    """A model as client and server see it.

    Attributes:
        exporter: counts up when the same weights give other graphs, so that cached ones are made anew.
        weights_sha256: of the weights file; keys embeddings and graphs.
        features: what the encoder gives and ``prepare`` takes; the first one's cells are what ``valid_size`` counts.
        prompts: what the decoder can be asked with, beside points and a box.
        masks: what it answers.
        max_abs_difference: largest difference between torch and onnxruntime at export, relative to the
            range of the logits.
        quality: measured quality, for people; free-form.
    """

    format: Literal[2] = 2
    exporter: Count = 1
    name: str
    title: str
    family: str
    licence: str
    parameters: Count
    weights_sha256: Sha256
    preprocessing_version: int = PREPROCESSING_VERSION
    input: InputSpec
    features: Annotated[tuple[FeatureSpec, ...], Field(min_length=1)]
    prompts: PromptSpec = SAM_PROMPTS
    masks: MaskSpec = SAM_MASKS
    graphs: Graphs
    max_abs_difference: float
    quality: dict[str, JsonValue] = Field(default_factory=dict)

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest in ``folder``.

        Raises:
            ModelError: when there is none, or it is not of this version's form.
        """
        path = folder / MANIFEST_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise ModelError(
                f"{folder} holds no {MANIFEST_FILE}.",
                hint="Export the model first: limner models export NAME --out DIR",
            ) from error
        except ValidationError as error:
            raise ModelError(f"{path} is not a manifest of this version: {error}", hint="Export again.") from error


def graphs_folder(home: Path, weights_sha256: str) -> Path:
    """Where the graphs of the model with these weights are cached."""
    return home / "graphs" / weights_sha256


def graph_file(home: Path, manifest: Manifest | None, name: str) -> Path:
    """The file of the graph ``prepare`` or ``decode`` of a model.

    Raises:
        NotFound: for any other name.
        Unavailable: there is no manifest: the graphs are being exported.
    """
    if name not in ("prepare", "decode"):
        raise NotFound(f"There is no graph called {name!r}.", hint="There are prepare and decode.")
    if manifest is None:
        raise Unavailable("The model's graphs are not exported yet.", hint="Try again in a few seconds.")
    graph = manifest.graphs.prepare if name == "prepare" else manifest.graphs.decode
    return graphs_folder(home, manifest.weights_sha256) / graph.file
