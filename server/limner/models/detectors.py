"""Detectors that read embeddings: which are there, for which model, and what is known of each.

A detector lies in ``<home>/detectors/<name>/``: ``weights.safetensors``, ``detector.onnx`` and ``detector.json`` (a
:class:`DetectorCard`). It belongs to one model: embeddings by other weights mean nothing to it. Those that come with
the package lie in the folder ``detectors`` of its data in the same form.

This module never imports torch: the web process lists detectors with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from limner.errors import InvalidInput, MissingWeights, ModelError, WrongWeights
from limner.models.catalogue import WEIGHTS_FILE, check_name, data_folder, folders_with, same_encoder, sha256_of
from limner.models.manifest import Sha256
from limner.vocabulary.specs import FeatureSpec

DETECTOR_CARD, DETECTOR_GRAPH = "detector.json", "detector.onnx"
FOLDER = "detectors"


class DetectorCategory(BaseModel):
    """A category that a detector tells: its number in the project that it learned from, and its name there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    name: str


JudgedBy = Literal["held_out", "cross_validation"]


class DetectorJudgement(BaseModel):
    """Whether a project's own detector is better than a general one, on images that it did not learn from.

    Attributes:
        by: images that are held out, or cross-validation over those that were learned from, where these are too few.
        images: that were judged on.
        objects: on them.
        ap: average precision of a detector that was trained like it.
        against: name of the general one.
        against_ap: its average precision.
        better: whether the own one is asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: JudgedBy
    images: int
    objects: int
    ap: float
    against: str
    against_ap: float
    better: bool


class DetectorCard(BaseModel):
    """``detector.json``: what is known of a detector without opening its weights.

    Attributes:
        weights_sha256: of ``weights.safetensors``; checked whenever they are loaded.
        graph_sha256: of ``detector.onnx``, likewise for whoever runs it.
        model_sha256: of the weights whose embeddings it reads.
        model: the name of that model, for people.
        preprocessing_version: of those embeddings.
        image_size: S, px, of the model.
        features: that it reads, as the model's manifest names them.
        project_id: what it learned from; None where that was no project of this home.
        project: its name then, or those of the sources.
        categories: in the order of the network's answers; one or none when it tells objects only.
        told_apart: whether the network answers with categories.
        widths: channels of the network's four grids.
        head: channels of the layers that its grids share.
        images: that it learned from.
        masks: likewise.
        steps: of training.
        seed: of all chance in it.
        seconds: of the clock that training took.
        quality: measured on images that it did not learn from.
        judgement: on it, where there was a detector to compare it with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights_sha256: Sha256
    graph_sha256: Sha256
    model_sha256: Sha256
    model: str
    preprocessing_version: int
    image_size: int = Field(ge=1)
    features: tuple[FeatureSpec, ...]
    project_id: int | None = None
    project: str = ""
    categories: tuple[DetectorCategory, ...] = ()
    told_apart: bool = False
    widths: tuple[int, int, int, int]
    head: int
    images: int
    masks: int
    steps: int
    seed: int
    seconds: float
    created: AwareDatetime
    quality: dict[str, JsonValue] = Field(default_factory=dict)
    judgement: DetectorJudgement | None = None

    @property
    def worse(self) -> bool:
        """Whether it was compared with a general detector, and is not better."""
        return self.judgement is not None and not self.judgement.better


@dataclass(frozen=True)
class InstalledDetector:
    """A detector on this machine.

    Attributes:
        folder: with its files.
        bundled: came with the package.
    """

    card: DetectorCard
    folder: Path
    bundled: bool

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS_FILE

    @property
    def graph(self) -> Path:
        return self.folder / DETECTOR_GRAPH


def detector_folder(home: Path, name: str) -> Path:
    """Where the detector of this name is, or would be."""
    return home / FOLDER / check_name(name)


def installed_detectors(home: Path) -> Sequence[InstalledDetector]:
    """Those that came with the package and those under ``home``, the newest last; one under ``home`` hides a namesake.

    Raises:
        ModelError: when the card of one cannot be read.
    """
    detectors, problems = look_through_detectors(home)
    for problem in problems:
        raise problem
    return detectors


def look_through_detectors(home: Path) -> tuple[Sequence[InstalledDetector], Sequence[ModelError]]:
    """As :func:`installed_detectors`, but one whose card cannot be read does not hide the others: it is a problem."""
    found: dict[str, InstalledDetector] = {}
    problems = []
    for root, bundled in ((data_folder() / FOLDER, True), (home / FOLDER, False)):
        for folder in folders_with(DETECTOR_CARD, root):
            try:
                detector = InstalledDetector(read_detector_card(folder), folder, bundled)
            except ModelError as error:
                problems.append(error)
            else:
                found[detector.name] = detector
    return sorted(found.values(), key=lambda each: (not each.bundled, each.card.created, each.name)), problems


def find_detector(home: Path, name: str) -> InstalledDetector:
    """The detector of this name.

    Raises:
        MissingWeights: there is none; says which there are.
        ModelError: its card, or another, cannot be read.
    """
    detectors = {each.name: each for each in installed_detectors(home)}
    if name not in detectors:
        raise MissingWeights(
            f"There is no detector called {name!r}.",
            hint=f"There are: {', '.join(detectors) or 'none'}. Train one with: limner detector train",
        )
    return detectors[name]


def detector_by_weights(home: Path, weights_sha256: str) -> InstalledDetector:
    """The detector with these weights.

    Raises:
        MissingWeights: it is not there any more.
        ModelError: a card cannot be read.
    """
    for each in installed_detectors(home):
        if each.card.weights_sha256 == weights_sha256:
            return each
    raise MissingWeights(
        f"The detector with the weights {weights_sha256[:12]}… is not there any more.",
        hint="Train one again with: limner detector train",
    )


def usable_detectors(home: Path, project_id: int, model_sha256: str) -> Sequence[InstalledDetector]:
    """What a project can use with this model, the one that it asks first.

    That is its newest own one that is not known to be worse than a general detector, which learned from no project;
    after the own ones come the general ones, and then own ones that are worse.
    """
    fit = _reading(home, model_sha256)
    own = [each for each in reversed(fit) if each.card.project_id == project_id and not each.bundled]
    good, worse = [each for each in own if not each.card.worse], [each for each in own if each.card.worse]
    return [*good, *_general(fit), *worse]


def general_detectors(home: Path, model_sha256: str) -> Sequence[InstalledDetector]:
    """Those for this model that learned from no project, the newest first."""
    return _general(_reading(home, model_sha256))


def _reading(home: Path, model_sha256: str) -> Sequence[InstalledDetector]:
    """Those that read embeddings as a model makes them: its own, or one's with the same encoder; newest last."""
    same = same_encoder(home, model_sha256)
    return [each for each in installed_detectors(home) if each.card.model_sha256 in same]


def _general(fit: Sequence[InstalledDetector]) -> list[InstalledDetector]:
    return [each for each in reversed(fit) if each.card.project_id is None]


def choose_detector(home: Path, project_id: int, model_sha256: str, name: str | None) -> InstalledDetector:
    """The detector of this name, or the best fitting one, if it reads embeddings by this model.

    Raises:
        MissingWeights: there is none.
        InvalidInput: it reads those of another model.
        ModelError: a card cannot be read.
    """
    if name is None:
        usable = usable_detectors(home, project_id, model_sha256)
        if usable:
            return usable[0]
        raise MissingWeights(
            "There is no detector for this project and the model that it uses.",
            hint="Draw objects on some images, and train one with: limner detector train",
        )
    found = find_detector(home, name)
    if found.card.model_sha256 not in same_encoder(home, model_sha256):
        raise InvalidInput(
            f"The detector {name} reads embeddings by {found.card.model} ({found.card.model_sha256[:12]}…), "
            f"the project uses a model with the weights {model_sha256[:12]}….",
            hint="Train one for the model that the project uses: limner detector train",
        )
    return found


def check_detector(detector: InstalledDetector) -> None:
    """Make sure that the weights are those that were written.

    Raises:
        WrongWeights: when they are not, or are gone.
    """
    try:
        found = sha256_of(detector.weights)
    except FileNotFoundError:
        found = ""
    if found != detector.card.weights_sha256:
        raise WrongWeights(
            f"The weights of the detector {detector.name} have changed since they were written.",
            hint=f"Train it again; the file is {detector.weights}",
        )


def read_detector_card(folder: Path) -> DetectorCard:
    """The card in a detector's folder.

    Raises:
        ModelError: when it cannot be read.
    """
    path = folder / DETECTOR_CARD
    try:
        return DetectorCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", hint="Let Limner read it.") from error
    except ValidationError as error:
        raise ModelError(
            f"{path} does not describe a detector: {error}", hint=f"Remove {folder}, and train it again."
        ) from error
