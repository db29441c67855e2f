"""Putting weights where models are installed: checked, converted to safetensors, described."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock
from pydantic import JsonValue
from torch import Tensor

from limner.atomic import make_folder, new_folder
from limner.errors import Conflict, WrongWeights
from limner.models.catalogue import (
    CARD_FILE,
    WEIGHTS_FILE,
    InstalledModel,
    KnownModel,
    ModelCard,
    check_name,
    model_folder,
    sha256_of,
    thresholds_of,
)
from limner.models.checkpoints import differences, read_state, write_state
from limner.models.download import Progress, download
from limner.models.pulls import download_path
from limner.models.registry import architecture_of, infer_family, outline


def install_file(
    path: Path,
    home: Path,
    *,
    name: str,
    family: str | None = None,
    title: str = "",
    licence: str = "unknown",
    source: str = "",
    quality: Mapping[str, JsonValue] | None = None,
    replace: bool = False,
) -> InstalledModel:
    """Install the weights in a file under ``home``; the model appears whole or not at all.

    Args:
        path: .safetensors, or .pth with nothing but tensors.
        home: Limner's folder.
        name: what to call the model.
        family: what the weights are for; found out when not given.
        title: the name for people to read.
        licence: under which the weights are published.
        source: where the weights came from.
        quality: measured, for people.
        replace: whether it takes the place of a model of this name, which stays until this one is whole.

    Raises:
        InvalidInput: for a name that cannot be one, or an unknown family.
        Conflict: when a model of this name is installed already, and is not to be replaced.
        MissingWeights, WrongWeights: when the file is absent, damaged, or does not fit the family.
    """
    folder = model_folder(home, check_name(name))
    if folder.exists() and not replace:
        raise Conflict(
            f"A model called {name} is installed already.", hint="Choose another --name, or replace it with --replace."
        )
    state = read_state(path)
    if family is None:
        family = infer_family(state, path.name)
    problems = differences(outline(family, state), state)
    if problems:
        raise WrongWeights(
            f"{path.name} does not fit {family}: {'; '.join(problems)}.",
            hint="Leave out --family to have it recognised.",
            details={"problems": problems},
        )
    make_folder(home, mode=0o700)
    with new_folder(folder, keep=(lambda: False) if replace else None) as fresh:
        weights = fresh / WEIGHTS_FILE
        write_state(state, weights, {"family": family})
        card = ModelCard(
            name=name,
            title=title or name,
            family=family,
            architecture=architecture_of(family, state),
            licence=licence,
            weights_sha256=sha256_of(weights),
            encoder_sha256=encoder_digest(family, state),
            source=source or path.name,
            quality=dict(quality or {}),
            automatic=thresholds_of(family),
        )
        (fresh / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return InstalledModel(card, folder / WEIGHTS_FILE, bundled=False)


def encoder_digest(family: str, state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names and float32 values of the image encoder's tensors, in the order of their names.

    A model that was adapted without its encoder has that of the model that it was made from, in whatever precision the
    two are stored.
    """
    prefix = outline(family, state).encoder_name + "."
    digest = hashlib.sha256()
    for name in sorted(name for name in state if name.startswith(prefix)):
        digest.update(name.encode())
        digest.update(state[name].detach().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def pull(known: KnownModel, home: Path, progress: Progress, *, replace: bool = False) -> InstalledModel:
    """Download, check and install a known model; waits for whoever is at it already.

    Raises:
        Conflict: when it is installed already, or was meanwhile, and is not to be replaced.
        NoNetwork, NotFound, WrongWeights: as :func:`limner.models.download.download` and :func:`install_file`.
    """
    folder = model_folder(home, known.name)
    if folder.exists() and not replace:
        raise Conflict(
            f"{known.name} is installed already.", hint=f"To fetch it anew: limner models pull {known.name} --replace"
        )
    make_folder(home, mode=0o700)
    file = download_path(home, known)
    make_folder(file.parent)
    with FileLock(file.with_name(".lock")):  # two that write one part would spoil it
        if not (file.is_file() and sha256_of(file) == known.sha256):
            download(known.url, file, known.sha256, known.size, progress)
        installed = install_file(
            file,
            home,
            name=known.name,
            family=known.family,
            title=known.title,
            licence=known.licence,
            source=f"{known.url} (sha256 {known.sha256})",
            replace=replace,
        )
        file.unlink()
    return installed
