"""Models that somebody wants in a home and that are not there yet: files in it, as the models themselves are.

``<home>/downloads/<name>.json`` says that the model is wanted, or why it could not be had. What has arrived of it lies
beside that as a part, which the next attempt goes on with: its size is how far it is. A model that is installed is not
wanted any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from limner.atomic import make_folder, write_file
from limner.errors import Conflict, NotFound
from limner.models.catalogue import KNOWN_MODELS, KnownModel, model_folder

FOLDER = "downloads"


class Wanted(BaseModel):
    """The file.

    Attributes:
        state: ``wanted`` until it is installed; ``failed``: nobody goes on until somebody asks again.
        message: why it failed.
        hint: what would be right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Literal["wanted", "failed"] = "wanted"
    message: str = ""
    hint: str = ""


def known_model(name: str) -> KnownModel:
    """The model that can be fetched under this name.

    Raises:
        NotFound: there is none.
    """
    if name not in KNOWN_MODELS:
        raise NotFound(f"{name!r} cannot be fetched.", hint=f"These can: {', '.join(KNOWN_MODELS)}.")
    return KNOWN_MODELS[name]


def download_path(home: Path, known: KnownModel) -> Path:
    """Where the published file of a model lies once it is whole, until the model is installed."""
    return home / FOLDER / known.url.rsplit("/", 1)[-1]


def want(home: Path, name: str) -> None:
    """Have a model fetched, or go on with one that failed; nothing new when it is under way.

    Raises:
        NotFound: it cannot be fetched.
        Conflict: it is installed.
    """
    known_model(name)
    if model_folder(home, name).exists():
        raise Conflict(f"{name} is installed already.")
    make_folder(home, mode=0o700)
    make_folder(home / FOLDER)
    _write(home, name, Wanted())


def unwant(home: Path, name: str) -> None:
    """Nobody wants the model any more. What has arrived of it stays for the next time."""
    known_model(name)
    _path(home, name).unlink(missing_ok=True)


def fail(home: Path, name: str, message: str, hint: str) -> None:
    """Write down why a model could not be had, unless nobody wants it any more."""
    if _path(home, name).exists():
        _write(home, name, Wanted(state="failed", message=message, hint=hint))


def find_wanted(home: Path, name: str) -> Wanted | None:
    """Whether a model is wanted, or failed; None when it is neither.

    A file that cannot be read counts as a failure, so that somebody may ask again.
    """
    try:
        return Wanted.model_validate_json(_path(home, name).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        return Wanted(state="failed", message=f"{_path(home, name).name} cannot be read.", hint="Ask for it again.")


def is_wanted(home: Path, name: str) -> bool:
    """Whether a model is to be fetched."""
    found = find_wanted(home, name)
    return found is not None and found.state == "wanted"


def all_wanted(home: Path) -> Sequence[str]:
    """Names of the models that are to be fetched."""
    if not (home / FOLDER).is_dir():
        return []
    return [name for name in KNOWN_MODELS if is_wanted(home, name)]


def arrived(home: Path, name: str) -> int:
    """Bytes of the published file that are there."""
    whole = download_path(home, known_model(name))
    for path in (whole, whole.with_name(whole.name + ".part")):
        try:
            return path.stat().st_size
        except FileNotFoundError:
            continue
    return 0


def _write(home: Path, name: str, wanted: Wanted) -> None:
    write_file(_path(home, name), wanted.model_dump_json().encode() + b"\n")


def _path(home: Path, name: str) -> Path:
    return home / FOLDER / f"{name}.json"
