"""``limner bench models``: the comparison that people ask for before they choose a model, as a Markdown table."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from limner.atomic import write_file
from limner.bench.encoder import SEED, encoding, installed_or_random
from limner.errors import InvalidFile, InvalidInput
from limner.models.catalogue import FAMILIES, KNOWN_MODELS, InstalledModel, installed_models
from limner.models.registry import LoadedModel, build_model
from limner.sam.cpu.precision import encoding_precision
from limner.sam.model import DecoderPrompt, PromptableModel, count_parameters
from limner.train.evaluation import ModelSubject, Protocol, evaluate_photos, first_of_each_source
from limner.train.near_copies import held_out_without_copies
from limner.train.photos import find_photos
from limner_onnx.encoder import open_encoder
from limner_onnx.graphs import example_features

CLICKS = (1, 3, 5)
CLICK_ROUNDS = 15
BEGIN, END = "<!-- table: limner bench models -->", "<!-- end of table -->"
HEADER = (
    "| model | file, MB | parameters, M | encoder, s | computed in | click, ms | mIoU 1 | mIoU 3 | mIoU 5 | licence |",
    "|---|---:|---:|---:|---|---:|---:|---:|---:|---|",
)
UNKNOWN = "–"


@dataclass(frozen=True)
class Row:
    """One model; None where it was not, or cannot be, measured here.

    Attributes:
        megabytes: of the weights file.
        parameters: in millions.
        encoder_seconds: for one image, CPU.
        precision: what the encoder computed in.
        decoder_ms: for one click, CPU, beyond what is prepared once per image.
        miou: by number of clicks.
        installed: whether real weights were there; speed is measured with seeded ones otherwise.
    """

    name: str
    megabytes: float | None
    parameters: float
    encoder_seconds: float | None
    precision: str | None
    decoder_ms: float | None
    miou: dict[str, float]
    licence: str
    installed: bool

    def markdown(self) -> str:
        name = self.name if self.installed else f"{self.name} ¹"
        cells = [
            name,
            _figure(self.megabytes, ".0f"),
            f"{self.parameters:.1f}",
            _figure(self.encoder_seconds, ".2f"),
            self.precision or UNKNOWN,
            _figure(self.decoder_ms, ".1f"),
            *(_figure(self.miou.get(str(clicks)), ".3f") for clicks in CLICKS),
            self.licence,
        ]
        return f"| {' | '.join(cells)} |"


class Kept:
    """Rows in a file, each as soon as it is measured: all models together take longer than one may have to wait.

    Args:
        path: of the file; None keeps nothing.
        settings: what rows must have been measured with.

    Raises:
        InvalidInput: the rows that are there were measured with other settings.
        InvalidFile: it is no file of rows.
    """

    def __init__(self, path: Path | None, settings: dict[str, object]) -> None:
        self._path, self._settings = path, settings
        self._rows: dict[str, Row] = {}
        if path is None or not path.exists():
            return
        try:
            content = json.loads(path.read_text("utf-8"))
            before = content["settings"]
            self._rows = {row["name"]: Row(**row) for row in content["rows"]}
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidFile(
                f"{path} is no file of rows.", hint="Name one that this command wrote, or none."
            ) from error
        if before != settings:
            raise InvalidInput(f"{path} was measured with {before}, not with {settings}.", hint="Name another file.")

    def get(self, family: str) -> Row | None:
        """The row of this model, if it was measured."""
        return self._rows.get(family)

    def add(self, row: Row) -> None:
        """Keep a row."""
        self._rows[row.name] = row
        if self._path is not None:
            content = {"settings": self._settings, "rows": [asdict(each) for each in self._rows.values()]}
            write_file(self._path, (json.dumps(content, indent=2) + "\n").encode())


def run(
    home: Path,
    threads: int,
    rounds: int,
    timed: Sequence[str],
    folders: Sequence[Path],
    images: int,
    masks: int,
    keep: Path | None = None,
) -> Iterable[Row]:
    """One row for every model that Limner knows.

    Args:
        home: where installed models are looked for.
        threads: CPU threads.
        rounds: timed encodings.
        timed: families whose speed is measured.
        folders: photos with masks, as for ``limner evaluate``; without any, and for models that are not installed,
            mIoU stays unknown.
        images: photos of each source, at most.
        masks: of each photo, at most.
        keep: where measured rows are kept; those that are there already are not measured again.

    Raises:
        InvalidInput, InvalidFile: what is there cannot be gone on from.
    """
    torch.set_num_threads(threads)
    of_photos = [str(folder.resolve()) for folder in folders]
    settings: dict[str, object] = {"threads": threads, "rounds": rounds, "images": images, "masks": masks}
    kept = Kept(keep, {**settings, "photos": of_photos})
    installed = {model.name: model for model in installed_models(home)}
    for family in FAMILIES:
        known = installed.get(family)
        if (before := kept.get(family)) is not None:
            yield before
            continue
        if family not in timed and known is None:
            yield _untimed(family)
            continue
        loaded = installed_or_random(family, home)
        model, way = loaded.model, loaded.cpu_runtime
        precision = encoding_precision(torch.device("cpu"), loaded.cpu_precision)
        side = model.config.image_size
        pixels = torch.from_numpy(np.random.default_rng(SEED).normal(size=(1, 3, side, side)).astype(np.float32))
        with tempfile.TemporaryDirectory() as folder:
            onnx = open_encoder(model, Path(folder), threads) if way == "onnxruntime" else None
        encode = partial(onnx, pixels.numpy()) if onnx else encoding(model, pixels, precision)
        encode()
        row = Row(
            name=family,
            megabytes=_megabytes(family, known),
            parameters=count_parameters(model) / 1e6,
            encoder_seconds=_cpu_seconds(encode, rounds),
            precision="onnxruntime" if onnx else precision,
            decoder_ms=1000 * _decode_seconds(model),
            miou=_miou(loaded, folders, images, masks) if known and folders else {},
            licence=_licence(family, known),
            installed=known is not None,
        )
        kept.add(row)
        yield row


def table(rows: Iterable[Row]) -> str:
    """The Markdown table."""
    return "\n".join([*HEADER, *(row.markdown() for row in rows)])


def write_into(page: Path, markdown: str) -> None:
    """Put the table between its marks in a page.

    Raises:
        InvalidFile: when the page does not have them.
    """
    text = page.read_text("utf-8")
    begin, end = text.find(BEGIN), text.find(END)
    if not 0 <= begin < end:
        raise InvalidFile(f"{page} has no place for the table.", hint=f"Put {BEGIN} and {END} on lines of their own.")
    write_file(page, f"{text[:begin]}{BEGIN}\n{markdown}\n{text[end:]}".encode())


def _untimed(family: str) -> Row:
    with torch.device("meta"):
        parameters = count_parameters(build_model(family)) / 1e6
    return Row(family, _megabytes(family, None), parameters, None, None, None, {}, _licence(family, None), False)


def _megabytes(family: str, installed: InstalledModel | None) -> float | None:
    if installed is not None:
        return installed.weights.stat().st_size / 1e6
    size = KNOWN_MODELS[family].size if family in KNOWN_MODELS else None
    return None if size is None else size / 1e6


def _licence(family: str, installed: InstalledModel | None) -> str:
    if installed is not None:
        return installed.card.licence
    return KNOWN_MODELS[family].licence if family in KNOWN_MODELS else UNKNOWN


@torch.inference_mode()
def _decode_seconds(model: PromptableModel) -> float:
    config = model.config
    split = model.split()
    prepared = split.prepare(example_features(config.features, SEED))
    middle = config.image_size / 2
    points, labels = torch.tensor([[[middle, middle], [0.0, 0.0]]]), torch.tensor([[1.0, -1.0]])
    prompt = DecoderPrompt.of_points(points, labels, config.low_res_size)
    split.decode(prepared, prompt)
    return _cpu_seconds(lambda: split.decode(prepared, prompt), CLICK_ROUNDS)


def _cpu_seconds(call: Callable[[], object], rounds: int) -> float:
    spent = []
    for _ in range(rounds):
        started = time.process_time()
        call()
        spent.append(time.process_time() - started)
    return statistics.median(spent)


def _miou(loaded: LoadedModel, folders: Sequence[Path], images: int, masks: int) -> dict[str, float]:
    photos = first_of_each_source(held_out_without_copies(find_photos(folders)), images)
    protocol = Protocol(clicks=CLICKS, masks_per_image=masks)
    return evaluate_photos(ModelSubject(loaded.model), photos, protocol).miou


def _figure(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)
