"""``limner models``: which models there are, and how to get more."""

from __future__ import annotations

import json
from pathlib import Path

import click

from limner.cli.promotion import compare, promote, rollback
from limner.config import Settings
from limner.errors import InvalidInput, NotFound
from limner.models.catalogue import KNOWN_MODELS, InstalledModel, installed_models
from limner.models.text_catalogue import KNOWN_TEXT_DETECTORS, KnownTextDetector
from limner.models.text_detectors import installed_text_detectors

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Where models are installed; LIMNER_HOME or ~/.limner by default.",
)

replace_option = click.option(
    "--replace",
    is_flag=True,
    help="Take the place of a model of this name, here and for machines that have none; others keep what they have.",
)


@click.group()
def models() -> None:
    """List, pull, add, export, compare and promote models."""


for command in (compare, promote, rollback):
    models.add_command(command)


@models.command("list")
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(home: Path | None, as_json: bool) -> None:
    """Print the models and the detectors that read text: those that are installed, and those that can be pulled."""
    where = _home(home)
    installed = {model.name: model for model in installed_models(where)}
    names = sorted({*installed, *KNOWN_MODELS})
    text_folders = installed_text_detectors(where)
    text_names = sorted({*text_folders, *KNOWN_TEXT_DETECTORS})
    if as_json:
        facts = {
            "models": [_facts(name, installed.get(name)) for name in names],
            "text_detectors": [_text_facts(name, text_folders.get(name)) for name in text_names],
        }
        click.echo(json.dumps(facts, indent=2))
        return
    width = max(len(name) for name in (*names, *text_names))
    for name in names:
        model = installed.get(name)
        if model is None:
            state = _to_pull(name, KNOWN_MODELS[name].size)
        else:
            state = f"{'bundled' if model.bundled else 'installed'}, weights {model.card.weights_sha256[:12]}"
        click.echo(f"{name:<{width}}  {state}")
    for name in text_names:
        known = KNOWN_TEXT_DETECTORS.get(name)
        state = "installed" if name in text_folders else _to_pull(name, known.size if known else None)
        click.echo(f"{name:<{width}}  reads text; {state}")


@models.command()
@click.argument("name")
@replace_option
@home_option
def pull(name: str, replace: bool, home: Path | None) -> None:
    """Download, check and install the model or text detector NAME; goes on where an earlier attempt stopped."""
    if name in KNOWN_TEXT_DETECTORS:
        if replace:
            raise InvalidInput("--replace is for models, not for detectors that read text.", hint="Leave it out.")
        _pull_text_detector(KNOWN_TEXT_DETECTORS[name], _home(home))
        return
    if name not in KNOWN_MODELS:
        names = ", ".join((*KNOWN_MODELS, *KNOWN_TEXT_DETECTORS))
        raise NotFound(f"{name!r} cannot be pulled.", hint=f"These can: {names}.")
    from tqdm import tqdm

    from limner.models.install import pull as pull_model

    known = KNOWN_MODELS[name]
    with tqdm(total=known.size, unit="B", unit_scale=True, desc=name) as bar:
        installed = pull_model(known, _home(home), lambda done: bar.update(done - bar.n), replace=replace)
    _report(installed)
    _share(installed, _home(home), replace)


@models.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--family", default=None, help="What the weights are for; recognised by itself when left out.")
@click.option("--name", default=None, help="What to call the model; the family's name by default.")
@click.option("--licence", default="unknown", show_default=True, help="Under which the weights are published.")
@replace_option
@home_option
def add(file: Path, family: str | None, name: str | None, licence: str, replace: bool, home: Path | None) -> None:
    """Install the weights in FILE (.safetensors, or .pth with nothing but tensors)."""
    from limner.models.checkpoints import read_state
    from limner.models.install import install_file
    from limner.models.registry import infer_family

    family = family or infer_family(read_state(file), file.name)
    installed = install_file(file, _home(home), name=name or family, family=family, licence=licence, replace=replace)
    _report(installed)
    _share(installed, _home(home), replace)


@models.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
@home_option
def export(name: str, out: Path, home: Path | None) -> None:
    """Write prepare.onnx, decode.onnx and manifest.json of the model NAME (or a weights file)."""
    from limner.models.manifest import graphs_folder
    from limner.models.registry import load_model
    from limner_onnx import copy_graphs, export_model

    where = _home(home)
    manifest = export_model(load_model(name, where), where / "graphs")
    copy_graphs(graphs_folder(where, manifest.weights_sha256), out)
    click.echo(
        f"{out}: {manifest.graphs.prepare.bytes + manifest.graphs.decode.bytes:,} bytes, "
        f"largest difference to torch {manifest.max_abs_difference:.1e} of the range"
    )


@models.command()
@click.argument("name")
@click.argument("photos", metavar="DIR", type=click.Path(path_type=Path, exists=True))
@home_option
def tune(name: str, photos: Path, home: Path | None) -> None:
    """Measure on the photos in DIR how the encoder of the model NAME should run on the CPU, and put it on its card.

    Torch in float32 and, where the CPU multiplies it, bfloat16, and onnxruntime are compared: the cheapest whose masks
    are the same is chosen.
    """
    import tempfile

    import torch

    from limner.cli.folders import find_images
    from limner.encoding.images import decode_image
    from limner.models.catalogue import find_model
    from limner.models.registry import load_model
    from limner.segment.tuning import choose, measure
    from limner_onnx.encoder import open_encoder

    where, limit = _home(home), Settings().max_pixels
    images = (decode_image(source.path.read_bytes(), max_pixels=limit).rgb for source in find_images([photos]).images)
    model = load_model(name, where).model
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(model, images, open_encoder(model, Path(scratch), torch.get_num_threads()))
    for way, seconds in found.seconds.items():
        click.echo(f"{way}: {seconds:.3f} s of CPU for an image; mean IoU of masks to float32's {found.ious[way]:.4f}")
    click.echo(f"chosen: {found.way}")
    choose(find_model(name, where), found.way)


def _pull_text_detector(known: KnownTextDetector, home: Path) -> None:
    from tqdm import tqdm

    from limner.models.text_pulls import pull_text_detector

    with tqdm(total=known.size, unit="B", unit_scale=True, desc=known.name) as bar:
        folder = pull_text_detector(known, home, lambda done: bar.update(done - bar.n))
    click.echo(f"{known.name} is installed: {folder}")
    packages = " ".join(("'limner[text]'", *known.needs))
    click.echo(f"It needs these packages, where they are not installed yet: pip install {packages}")


def _to_pull(name: str, size: int | None) -> str:
    return f"not installed{'' if size is None else f' ({size / 1e6:.0f} MB)'}: limner models pull {name}"


def _home(home: Path | None) -> Path:
    return home.expanduser().absolute() if home is not None else Settings().home


def _report(installed: InstalledModel) -> None:
    click.echo(f"{installed.name} is installed: {installed.weights}")


def _share(installed: InstalledModel, home: Path, replace: bool) -> None:
    """Have a model that replaced another replace it for other machines, too. What is new comes to them by itself."""
    if replace:
        from limner.service.wiring import offer_model

        offer_model(Settings(home=home), installed.name)


def _facts(name: str, model: InstalledModel | None) -> dict[str, object]:
    """One entry of ``limner models list --json``."""
    if model is None:
        known = KNOWN_MODELS[name]
        return {"name": name, "title": known.title, "family": known.family, "installed": False, "url": known.url}
    card = model.card
    return {
        "name": name,
        "title": card.title,
        "family": card.family,
        "architecture": card.architecture,
        "installed": True,
        "bundled": model.bundled,
        "licence": card.licence,
        "weights_sha256": card.weights_sha256,
    }


def _text_facts(name: str, folder: Path | None) -> dict[str, object]:
    known = KNOWN_TEXT_DETECTORS.get(name)
    facts: dict[str, object] = {"name": name, "installed": folder is not None}
    if known is not None:
        facts |= {
            "title": known.title,
            "licence": known.licence,
            "repository": known.repository,
            "revision": known.revision,
            "bytes": known.size,
        }
    return facts
