"""One TOML file says everything about a training run.

The tables are plain frozen dataclasses, so that a run needs nothing that a rented GPU machine may lack.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from limner.errors import InvalidFile
from limner.sam.samlet import SamletConfig
from limner.vocabulary.counted import counted

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """Where and how it runs."""

    output: Path  # folder for checkpoints, log and weights
    seed: int = 1
    device: str = "cpu"  # or "cuda"
    processes: int = 1
    threads: int = 1  # per process
    workers: int = 1  # data processes per process
    start_from: Path | None = None  # weights (.safetensors) or a checkpoint (.pt) to begin with


@dataclass(frozen=True)
class Schedule:
    """How long, how fast."""

    steps: int
    learning_rate: float = 1e-3  # peak, after the warm-up
    warmup: int = 150  # steps
    final_rate: float = 0.02  # learning rate at the end, as a share of the peak
    weight_decay: float = 0.03
    average: float = 0.998  # decay of the exponential moving average of the weights
    clip_gradient: float = 1.0  # norm
    moving_statistics: bool = True  # whether batch norms follow the batches; with a few images in each, rather not
    log_every: int = 25  # steps
    checkpoint_every: int = 200
    validate_every: int = 1000
    minutes: float | None = None  # stop and save after so long, to be resumed
    finish_in: float | None = None  # minutes for the whole run: its rate falls in time, and it ends then

    def is_over(self, step: int, seconds: float) -> bool:
        """Whether a run that has done so many steps, in so much time altogether, has come to its end."""
        return step >= self.steps or (self.finish_in is not None and seconds > 60 * self.finish_in)


@dataclass(frozen=True)
class Size:
    """One of the image sizes of a run; a step uses one of them."""

    size: int  # px, side of the square; a multiple of 32
    images: int  # per step and process
    share: float  # of the steps


@dataclass(frozen=True)
class PromptMix:
    """What is asked about each image."""

    per_image: int = 4
    boxes: float = 0.4  # share of prompts that begin with a box alone
    boxes_with_click: float = 0.1  # share that begin with a box and a click; the rest begin with one click
    schedule: Literal["short", "paper"] = "short"
    concave_boxes: float = 0.6  # how often, of two masks, the one that fills its box less is asked for
    layers: tuple[float, float, float] = (1.0, 0.7, 0.5)  # how often wholes, parts and subparts are asked for
    area_exponent: float = 0.1  # masks are asked for in proportion to their area to this power


@dataclass(frozen=True)
class Scenes:
    """Procedural scenes as a source."""

    share: float
    scenes_per_pattern: int = 16
    reuse: int = 1  # images made of each scene, in the same batch; if more than 1, each a crop with colours of its own


@dataclass(frozen=True)
class Photos:
    """Folders of photos with masks as a source."""

    share: float
    folders: tuple[Path, ...]
    balance: float = 0.6  # a source (books, facades …) with n photos is drawn in proportion to n to this power
    weights: dict[str, float] = field(default_factory=dict)  # by source: how much more often it is drawn than others
    paste: float = 0.3  # share of images onto which cut-outs of other photos are pasted


@dataclass(frozen=True)
class Project:
    """A project of a Limner home: its images and finished masks are one more source of photos."""

    home: Path  # the folder that `limner serve` was given
    name: str  # or its id


@dataclass(frozen=True)
class Validation:
    """The held-out part of the photos, and scenes that no run is trained on, asked as in `limner evaluate`."""

    images_per_source: int = 8
    scenes: int = 16  # measured apart, in runs with scenes
    masks_per_image: int = 3
    clicks: tuple[int, ...] = (1, 3, 5)
    leave_out: tuple[str, ...] = ()  # sources never trained on in this run, and measured on all their photos


@dataclass(frozen=True)
class Pretrained:
    """How a backbone learns that comes with published weights; the rest of the network learns at the full rate."""

    rate: float = 0.15  # of the learning rate
    frozen_stages: int = 2  # the stem and so many stages stay as they are
    depthwise: bool = False  # whether depthwise convolutions learn: their gradients cost CPUs more than all others


@dataclass(frozen=True)
class TrainConfig:
    """Everything."""

    run: Run
    schedule: Schedule
    sizes: tuple[Size, ...]
    prompts: PromptMix = field(default_factory=PromptMix)
    scenes: Scenes | None = None
    photos: Photos | None = None
    projects: tuple[Project, ...] = ()
    validation: Validation = field(default_factory=Validation)
    pretrained: Pretrained = field(default_factory=Pretrained)
    model: SamletConfig = field(default_factory=SamletConfig)


def read_config(path: Path) -> TrainConfig:
    """Read and check a TOML file. Relative paths in it are relative to the current directory.

    Raises:
        InvalidFile: when it is missing, no TOML, or a key is missing, unknown or of the wrong kind.
    """
    config = read_toml(TrainConfig, path)
    _check(config, path)
    return config


def read_toml(kind: type[T], path: Path) -> T:
    """A TOML file as the dataclass ``kind``.

    Raises:
        InvalidFile: when it is missing, no TOML, or a key is missing, unknown or of the wrong kind.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidFile(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidFile(f"{path} is no valid TOML: {error}.") from error
    content: T = _parse(kind, table, where=str(path))
    return content


def _check(config: TrainConfig, path: Path) -> None:
    if not config.sizes:
        raise InvalidFile(f"{path} has no [[sizes]].", hint="Give at least one size, for example 512.")
    for size in config.sizes:
        if size.size % 32 or size.size <= 0:
            raise InvalidFile(f"{path}: the size {size.size} is no multiple of 32.")
        if size.images < 1:
            raise InvalidFile(
                f"{path}: a step has {counted(size.images, 'image')} of {size.size} px.", hint="Give 1 or more."
            )
    if config.prompts.per_image < 1:
        raise InvalidFile(f"{path}: per_image is {config.prompts.per_image}.", hint="It is 1 or more.")
    if min(config.prompts.layers) < 0 or not any(config.prompts.layers):
        raise InvalidFile(f"{path}: layers are {config.prompts.layers}.", hint="They are 0 or more, and not all 0.")
    if config.scenes is None and config.photos is None and not config.projects:
        raise InvalidFile(f"{path} names no data.", hint="Add [scenes], [photos] or [[projects]].")
    if config.scenes is not None and config.scenes.reuse < 1:
        raise InvalidFile(f"{path}: reuse is {config.scenes.reuse}.", hint="It is 1 or more.")
    if config.prompts.boxes + config.prompts.boxes_with_click > 1:
        raise InvalidFile(f"{path}: boxes and boxes_with_click add up to more than 1.")


def _parse(kind: Any, value: Any, where: str) -> Any:
    """A TOML value as the annotated type; `where` names it in errors."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        options = [option for option in arguments if option is not type(None)]
        return _parse(options[0], value, where)  # of T | None; TOML has no null
    if origin is Literal:
        if value not in arguments:
            raise _wrong(where, value, " or ".join(repr(choice) for choice in arguments))
        return value
    if origin is tuple:
        return _parse_tuple(arguments, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(where, value, "a table")
        return {name: _parse(arguments[1], item, f"{where}: {name}") for name, item in value.items()}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _parse_table(kind, value, where)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _wrong(where, value, f"a {kind.__name__}")
    return value


def _parse_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _wrong(where, value, "a list")
    if arguments[-1] is Ellipsis:
        arguments = arguments[:1] * len(value)
    if len(arguments) != len(value):
        raise _wrong(where, value, f"a list of {len(arguments)}")
    return tuple(
        _parse(kind, item, f"{where}[{index}]") for index, (kind, item) in enumerate(zip(arguments, value, strict=True))
    )


def _parse_table(kind: type[Any], value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where, value, "a table")
    hints = get_type_hints(kind)
    fields = {item.name: item for item in dataclasses.fields(kind)}
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise InvalidFile(f"{where}: {unknown[0]!r} is unknown.", hint=f"Known here: {', '.join(sorted(fields))}.")
    missing = [
        name
        for name, item in fields.items()
        if name not in value and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise InvalidFile(f"{where}: {missing[0]!r} is missing.", hint="It has no default.")
    return kind(**{name: _parse(hints[name], item, f"{where}: {name}") for name, item in value.items()})


def _wrong(where: str, value: Any, expected: str) -> InvalidFile:
    return InvalidFile(f"{where}: {value!r} will not do.", hint=f"Expected {expected}.")
