"""The models Limner knows by name, and those that are installed.

A model is installed as a folder ``<home>/models/<name>/`` with two files: ``weights.safetensors`` and
``model.json`` (a :class:`ModelCard`). Bundled models are single files, ``<name>.safetensors`` in the
package's data folder, each beside ``<name>.json``, its card without the checksum.

This module never imports torch: the web process lists models with it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from limner.errors import InvalidInput, MissingWeights, ModelError
from limner.models.manifest import Sha256
from limner.vocabulary.devices import CpuRuntime, Precision

DEFAULT_MODEL = "samlet"
FAMILIES = (
    "sam_vit_b",
    "sam_vit_l",
    "sam_vit_h",
    "mobile_sam",
    "efficientvit_sam_l0",
    "sam2_1_tiny",
    "sam2_1_small",
    "sam2_1_base_plus",
    "sam2_1_large",
    "samlet",
)
CARD_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class KnownModel:
    """A model that ``limner models pull`` can fetch: where it is published and what exactly must arrive.

    Attributes:
        sha256: of the published file.
        size: of the published file, in bytes; None where nobody has written it down.
    """

    name: str
    title: str
    family: str
    licence: str
    url: str
    sha256: str
    size: int | None


_META = "https://dl.fbaipublicfiles.com/segment_anything"
_META_2 = "https://dl.fbaipublicfiles.com/segment_anything_2/092824"
_MOBILE_SAM = "https://github.com/ChaoningZhang/MobileSAM/raw"
_EFFICIENTVIT_SAM = "https://huggingface.co/mit-han-lab/efficientvit-sam/resolve/main"

# Meta publishes the files without checksums. These sums and sizes are those that independent projects and
# mirrors agree on (micro-sam's model registry, 3D Slicer's SAM extension, Git LFS pointers of several
# mirrors). The sum of EfficientViT-SAM's is one that three projects pin independently.
KNOWN_MODELS = {
    model.name: model
    for model in (
        KnownModel(
            name="sam_vit_b",
            title="Segment Anything ViT-B",
            family="sam_vit_b",
            licence="Apache-2.0",
            url=f"{_META}/sam_vit_b_01ec64.pth",
            sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
            size=375_042_383,
        ),
        KnownModel(
            name="sam_vit_l",
            title="Segment Anything ViT-L",
            family="sam_vit_l",
            licence="Apache-2.0",
            url=f"{_META}/sam_vit_l_0b3195.pth",
            sha256="3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
            size=1_249_524_607,
        ),
        KnownModel(
            name="sam_vit_h",
            title="Segment Anything ViT-H",
            family="sam_vit_h",
            licence="Apache-2.0",
            url=f"{_META}/sam_vit_h_4b8939.pth",
            sha256="a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
            size=2_564_550_879,
        ),
        KnownModel(
            name="mobile_sam",
            title="MobileSAM",
            family="mobile_sam",
            licence="Apache-2.0",
            url=f"{_MOBILE_SAM}/f706ad9c4eb7f219c00d9050e46328518ffb65d2/weights/mobile_sam.pt",
            sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
            size=40_728_226,
        ),
        KnownModel(
            name="efficientvit_sam_l0",
            title="EfficientViT-SAM L0",
            family="efficientvit_sam_l0",
            licence="Apache-2.0",
            url=f"{_EFFICIENTVIT_SAM}/efficientvit_sam_l0.pt",
            sha256="c4f994b01a16d48bcf2fbbb089448cfbf58fae5811edfa8113c953b8b8cc64b8",
            size=None,
        ),
        KnownModel(
            name="sam2_1_tiny",
            title="SAM 2.1 Hiera tiny",
            family="sam2_1_tiny",
            licence="Apache-2.0",
            url=f"{_META_2}/sam2.1_hiera_tiny.pt",
            sha256="7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
            size=156_008_466,
        ),
        KnownModel(
            name="sam2_1_small",
            title="SAM 2.1 Hiera small",
            family="sam2_1_small",
            licence="Apache-2.0",
            url=f"{_META_2}/sam2.1_hiera_small.pt",
            sha256="6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
            size=184_416_285,
        ),
        KnownModel(
            name="sam2_1_base_plus",
            title="SAM 2.1 Hiera base+",
            family="sam2_1_base_plus",
            licence="Apache-2.0",
            url=f"{_META_2}/sam2.1_hiera_base_plus.pt",
            sha256="a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
            size=323_606_802,
        ),
        KnownModel(
            name="sam2_1_large",
            title="SAM 2.1 Hiera large",
            family="sam2_1_large",
            licence="Apache-2.0",
            url=f"{_META_2}/sam2.1_hiera_large.pt",
            sha256="2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
            size=898_083_611,
        ),
    )
}


class AutomaticThresholds(BaseModel):
    """What to keep when everything is segmented; the scale of scores and logits is each model's own.

    The defaults are those of the original generator, for SAM's weights.

    Attributes:
        pred_iou_thresh: masks that the model itself rates at or below this are dropped.
        stability_score_thresh: masks whose IoU between the logit thresholds ± offset is lower are dropped.
        stability_score_offset: of the logits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pred_iou_thresh: float = Field(default=0.88, ge=0, le=1)
    stability_score_thresh: float = Field(default=0.95, ge=0, le=1)
    stability_score_offset: float = Field(default=1.0, gt=0)


SAM_THRESHOLDS = AutomaticThresholds()
SAM_2_THRESHOLDS = AutomaticThresholds(pred_iou_thresh=0.8)


def thresholds_of(family: str) -> AutomaticThresholds:
    """What the family's original generator recommends."""
    return SAM_2_THRESHOLDS if family.startswith("sam2_") else SAM_THRESHOLDS


class ModelCard(BaseModel):
    """``model.json``: what is known about installed weights without opening them.

    Attributes:
        architecture: which network of the family the weights are of, for people; the tensors' names decide. "" for
            families of one network, and in cards from before there was a choice.
        weights_sha256: of ``weights.safetensors``; checked whenever the weights are loaded.
        encoder_sha256: of the image encoder's tensors (``install.encoder_digest``): models that share it make the same
            embeddings. "" in cards from before it was kept.
        source: where the weights came from, for people.
        quality: measured quality, for people; copied into the manifest.
        automatic: thresholds recommended for segmenting everything.
        cpu_precision: of the encoder on CPUs that multiply bfloat16 in hardware; others use float32. Chosen by
            measurement (``limner models tune``): the cheapest with masks of IoU ≥ 0.995 to those of float32.
        cpu_runtime: of the encoder on CPUs; ``onnxruntime`` computes in float32, whatever the precision says. Chosen
            likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    family: str
    architecture: str = ""
    licence: str
    weights_sha256: Sha256
    encoder_sha256: Sha256 | Literal[""] = ""
    source: str = ""
    quality: dict[str, JsonValue] = Field(default_factory=dict)
    automatic: AutomaticThresholds = SAM_THRESHOLDS
    cpu_precision: Precision = "float32"
    cpu_runtime: CpuRuntime = "torch"


@dataclass(frozen=True)
class InstalledModel:
    """A model whose weights are on this machine.

    Attributes:
        weights: the safetensors file.
        bundled: came with the package.
    """

    card: ModelCard
    weights: Path
    bundled: bool

    @property
    def name(self) -> str:
        return self.card.name


def check_name(name: str) -> str:
    """``name`` itself, when it can be a model's name (and a folder's).

    Raises:
        InvalidInput: otherwise.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        raise InvalidInput(
            f"{name!r} cannot be a model's name.",
            hint="Use up to 64 lower-case letters, digits, '_' and '-'.",
        )
    return name


@cache
def data_folder() -> Path:
    """The package's ``data`` folder: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "data"
    return inside if inside.is_dir() else package.parents[1] / "data"


def model_folder(home: Path, name: str) -> Path:
    """Where the model of this name is, or would be, installed."""
    return home / "models" / check_name(name)


def folders_with(file: str, root: Path) -> Sequence[Path]:
    """The folders right below ``root`` that hold this file, by name; not those that somebody is still filling.

    These have names that begin with a dot (:func:`limner.atomic.new_folder`): nobody has checked what is in them, and
    they are about to get another name.
    """
    return sorted(path.parent for path in root.glob(f"*/{file}") if not path.parent.name.startswith("."))


def read_card(folder: Path) -> ModelCard:
    """The card in a model's folder.

    Raises:
        MissingWeights: when there is no card.
        ModelError: when the card cannot be read.
    """
    path = folder / CARD_FILE
    try:
        stat = path.stat()
        return _read_card(path, stat.st_mtime_ns, stat.st_size)
    except FileNotFoundError as error:
        raise MissingWeights(
            f"{folder} holds no {CARD_FILE}.", hint="Install the model with: limner models add FILE"
        ) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", hint="Let Limner read it.") from error
    except ValidationError as error:
        raise ModelError(f"{path} does not describe a model: {error}", hint="Install the model again.") from error


@lru_cache(maxsize=64)
def _read_card(path: Path, _modified: int, _size: int) -> ModelCard:
    """Read again only when the file has changed: every request for an embedding asks."""
    return ModelCard.model_validate_json(path.read_bytes())


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hex; computed again only when the file has changed."""
    stat = path.stat()
    return _sha256_of(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _sha256_of(path: Path, _modified: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundled_models() -> list[InstalledModel]:
    """The models that came with the package.

    Raises:
        ModelError: when the card of one cannot be read.
    """
    found = []
    for path in sorted(data_folder().glob("*.json")):
        weights = path.with_suffix(".safetensors")
        if weights.is_file():
            try:
                facts = json.loads(path.read_text("utf-8"))
                card = ModelCard.model_validate({**facts, "weights_sha256": sha256_of(weights)})
            except (ValueError, TypeError) as error:
                raise ModelError(f"{path} does not describe a model: {error}", hint="Install Limner again.") from error
            found.append(InstalledModel(card, weights, bundled=True))
    return found


def installed_models(home: Path) -> list[InstalledModel]:
    """Bundled models and those under ``home``, by name; one under ``home`` hides a bundled namesake.

    Raises:
        ModelError: when the card of one cannot be read.
    """
    models, problems = look_through(home)
    for problem in problems:
        raise problem
    return models


def same_encoder(home: Path, weights_sha256: str) -> frozenset[str]:
    """The weights of installed models whose embeddings are those of a model with these weights, itself among them."""
    cards = [model.card for model in look_through(home)[0]]
    digests = {card.encoder_sha256 for card in cards if card.weights_sha256 == weights_sha256} - {""}
    return frozenset({weights_sha256, *(card.weights_sha256 for card in cards if card.encoder_sha256 in digests)})


def look_through(home: Path) -> tuple[list[InstalledModel], list[ModelError]]:
    """As :func:`installed_models`, but one whose card cannot be read does not hide the others: it is a problem."""
    found = {model.name: model for model in bundled_models()}
    problems = []
    for folder in folders_with(CARD_FILE, home / "models"):
        weights = folder / WEIGHTS_FILE
        if weights.is_file():
            try:
                card = read_card(folder)
            except ModelError as error:
                problems.append(error)
            else:
                found[card.name] = InstalledModel(card, weights, bundled=False)
    return [found[name] for name in sorted(found)], problems


def find_by_weights(weights_sha256: str, home: Path) -> InstalledModel:
    """The installed model that has these weights.

    Raises:
        MissingWeights: none has them any more.
    """
    for model in look_through(home)[0]:
        if model.card.weights_sha256 == weights_sha256:
            return model
    raise MissingWeights(
        f"The model with the weights {weights_sha256[:12]}… is not installed any more.",
        hint="Install it again (limner models add FILE), or choose another model for the project.",
    )


def find_model(name: str, home: Path) -> InstalledModel:
    """The installed model of this name.

    Raises:
        MissingWeights: naming what would install it, or what is installed.
    """
    models = {model.name: model for model in installed_models(home)}
    if name in models:
        return models[name]
    if name in KNOWN_MODELS:
        raise MissingWeights(f"The weights of {name} are not installed.", hint=f"Run: limner models pull {name}")
    installed = ", ".join(models) or "none"
    raise MissingWeights(
        f"There is no model called {name!r}.",
        hint=f"Installed: {installed}. Can be pulled: {', '.join(KNOWN_MODELS)}.",
    )
