"""Open-vocabulary detectors of ``transformers`` as folders: which are there, of which family; and what they are asked.

This module never imports torch: the web process looks here before it asks the process that does.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from limner.errors import InvalidInput, MissingWeights, ModelError
from limner.models.catalogue import check_name, folders_with

FAMILIES = {
    "grounding-dino": "Grounding DINO",
    "mm-grounding-dino": "MM-Grounding-DINO or LLMDet",
    "owlv2": "OWLv2",
    "omdet-turbo": "OmDet-Turbo",
}
MAX_PHRASES = 50  # at once; a caption of more does not fit what the text encoders take
CONFIG = "config.json"
FOLDER = "text"  # below a home
HOW = (
    "On the server: limner models pull grounding-dino-tiny (limner models list names the others). Or put a checkpoint "
    "of Grounding DINO, LLMDet, OWLv2 or OmDet-Turbo, as transformers saves it, there."
)


def installed_text_detectors(home: Path) -> dict[str, Path]:
    """The folders below ``<home>/text`` that hold a checkpoint, by name."""
    return {folder.name: folder for folder in folders_with(CONFIG, home / FOLDER)}


def choose_text_detector(home: Path, name: str | None) -> str:
    """The name of the text detector below ``<home>/text`` that is meant: never a path, since others choose it.

    Raises:
        ModelError: ``transformers`` is not installed.
        MissingWeights: there is no such detector; or none was named, and there is not exactly one.
        InvalidInput: what is named can be no name.
    """
    if find_spec("transformers") is None:
        raise ModelError(
            "Detectors that read text need the package transformers, which is not installed on the server.",
            hint="Install it there: pip install 'limner[text]'",
        )
    installed = installed_text_detectors(home)
    if name is None and len(installed) == 1:
        return next(iter(installed))
    if name is not None and check_name(name) in installed:
        return name
    if not installed:
        raise MissingWeights(f"No text detector is installed: {home / FOLDER} has none.", hint=HOW)
    wanted = "Several text detectors are installed" if name is None else f"There is no text detector called {name!r}"
    raise MissingWeights(f"{wanted}.", hint=f"Name one of: {', '.join(installed)}.")


def text_detector_folder(home: Path, name: str | None) -> Path:
    """The folder of a text detector: one that is given, or the one called so below ``<home>/text``.

    Raises:
        MissingWeights: there is none; or none was named, and there is not exactly one.
    """
    if name is not None and Path(name).is_dir():
        return Path(name)
    installed = installed_text_detectors(home)
    if name is None and len(installed) == 1:
        return next(iter(installed.values()))
    if name in installed:
        return installed[name]
    wanted = "No text detector was named" if name is None else f"There is no text detector called {name!r}"
    raise MissingWeights(
        f"{wanted}; {home / FOLDER} has {', '.join(installed) or 'none'}.",
        hint="Give --text-model FOLDER: Grounding DINO, LLMDet, OWLv2 or OmDet-Turbo as transformers saves them.",
    )


def family_of(folder: Path) -> str:
    """The family of the checkpoint in a folder.

    Raises:
        MissingWeights: there is none.
        ModelError: it is of none that is known.
    """
    try:
        family = json.loads((folder / CONFIG).read_bytes())["model_type"]
    except FileNotFoundError as error:
        raise MissingWeights(
            f"There is no text detector in {folder}.", hint="Give a folder as transformers saves checkpoints."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder / CONFIG} describes no model: {error!r}.", hint="Save the checkpoint again."
        ) from error
    if family not in FAMILIES:
        raise ModelError(
            f"The model in {folder} is of the family {family!r}, which reads no text here.",
            hint=f"Text detectors are {', '.join(FAMILIES.values())}.",
        )
    return str(family)


def phrase_of(text: str) -> str:
    """As detectors take it: in lower case, one blank between words, no full stop, which parts captions."""
    return " ".join(text.lower().split()).strip(" .")


def parse_phrases(text: str) -> list[str]:
    """``"cat, red car"`` -> phrases in lower case, each once.

    Raises:
        InvalidInput: there are none, or too many.
    """
    phrases = list(dict.fromkeys(map(phrase_of, text.split(","))))
    phrases = [phrase for phrase in phrases if phrase]
    if not 0 < len(phrases) <= MAX_PHRASES:
        raise InvalidInput(
            f"{len(phrases)} phrases were given.", hint=f'Give 1 to {MAX_PHRASES}, with commas between: "cat, red car"'
        )
    return phrases
