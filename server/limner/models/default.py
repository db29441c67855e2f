"""Which model a home uses unless told otherwise, and which it used before.

``<home>/models/default.json`` holds the name and the history; without it the bundled Samlet is the default. The file
changes only by :func:`promote` and :func:`roll_back`, each of which replaces it whole.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from limner.atomic import make_folder, write_file
from limner.errors import Conflict, ModelError
from limner.models.catalogue import DEFAULT_MODEL

FILE = "models/default.json"


class DefaultModel(BaseModel):
    """The choice as stored.

    Attributes:
        name: of the installed model in use.
        earlier: what it replaced, the latest last.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = DEFAULT_MODEL
    earlier: tuple[str, ...] = ()


def read_default(home: Path) -> DefaultModel:
    """The choice that is in force in this home.

    Raises:
        ModelError: when the file cannot be read.
    """
    path = home / FILE
    try:
        return DefaultModel.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return DefaultModel()
    except ValidationError as error:
        raise ModelError(f"{path} does not name a default model: {error}", hint="Delete it to use Samlet.") from error


def promote(home: Path, name: str) -> DefaultModel:
    """Make an installed model the default; the one before is remembered.

    Raises:
        Conflict: when it is the default already.
    """
    now = read_default(home)
    if now.name == name:
        raise Conflict(f"{name} is the default already.", hint="Name the model that should take its place.")
    return _write(home, DefaultModel(name=name, earlier=(*now.earlier, now.name)))


def roll_back(home: Path) -> DefaultModel:
    """Return to the default before the last promotion.

    Raises:
        Conflict: when nothing was promoted.
    """
    now = read_default(home)
    if not now.earlier:
        raise Conflict("No model was promoted, so there is nothing to go back to.")
    return _write(home, DefaultModel(name=now.earlier[-1], earlier=now.earlier[:-1]))


def _write(home: Path, choice: DefaultModel) -> DefaultModel:
    make_folder(home, mode=0o700)
    path = home / FILE
    make_folder(path.parent)
    write_file(path, (choice.model_dump_json(indent=2) + "\n").encode())
    return choice
