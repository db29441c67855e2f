"""Segment images in Python, in the words that users of the original ``SamPredictor`` know."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps
from torch import Tensor

from limner.config import Settings
from limner.errors import InvalidImage, InvalidInput, InvalidPrompt
from limner.models.catalogue import SAM_THRESHOLDS
from limner.models.registry import LoadedModel, load_model
from limner.sam.cpu.precision import channels_last
from limner.sam.model import DecoderPrompt, Features, PromptableModel, SplitDecoder
from limner.sam.transforms import to_model_input
from limner.segment.embedding import ImageEmbedding, RegionView, full_size
from limner.vocabulary.counted import counted
from limner.vocabulary.geometry import Region
from limner.vocabulary.prompts import Prompts

Masks = NDArray[np.bool_] | NDArray[np.float32]
Prediction = tuple[Masks, NDArray[np.float32], NDArray[np.float32]]


class Predictor:
    """Masks from points, boxes and masks.

    >>> predictor = Predictor("samlet")                                        # doctest: +SKIP
    >>> predictor.set_image("photo.jpg")                                       # doctest: +SKIP
    >>> masks, scores, logits = predictor.predict([[120, 80]], [1])            # doctest: +SKIP

    Args:
        model: an installed model's name, a weights file, or a model.
        home: where models are installed; ``LIMNER_HOME`` or ``~/.limner`` when not given.
        device: "cpu", "cuda", …

    Attributes:
        automatic: thresholds that the model's card recommends for segmenting everything.
    """

    def __init__(
        self,
        model: PromptableModel | LoadedModel | str | Path = "samlet",
        *,
        home: Path | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        if not isinstance(model, PromptableModel | LoadedModel):
            model = load_model(model, home or Settings().home)
        self.automatic = model.automatic if isinstance(model, LoadedModel) else SAM_THRESHOLDS
        network = model.model if isinstance(model, LoadedModel) else model
        self.model = network.to(device).eval()
        self._image: ImageEmbedding | None = None

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @cached_property
    def split(self) -> SplitDecoder:
        """The decoder cut into a per-image and a per-prompt part; for many prompts on one image."""
        return self.model.split().eval()

    @torch.inference_mode()
    def embed(
        self, image: NDArray[np.uint8], region: Region | tuple[int, int, int, int] | None = None
    ) -> ImageEmbedding:
        """Encode RGB pixels (H, W, 3) uint8.

        Args:
            image: the pixels.
            region: x, y, width, height in whole pixels: only this part is encoded, at the model's full resolution, as
                by "look closer" on the page. Prompts and masks stay in pixels of the whole image.

        Raises:
            InvalidImage: for another shape or type.
            InvalidInput: when the region leaves the image.
        """
        view, seen = None, image
        if region is not None:
            height, width = image.shape[:2]
            view = RegionView(region if isinstance(region, Region) else Region(*region), height, width)
            seen = np.ascontiguousarray(view.region.of(image))
        pixels = to_model_input(seen, self.model.config).to(self.device)
        height, width, _ = seen.shape
        geometry = self.model.config.geometry(height, width)
        return ImageEmbedding(self.model.encode(channels_last(pixels[None])), geometry, view)

    def set_image(
        self,
        image: NDArray[np.uint8] | Image.Image | str | Path,
        image_format: str = "RGB",
        *,
        region: Region | tuple[int, int, int, int] | None = None,
    ) -> None:
        """Encode an image; :meth:`predict` then refers to it.

        Args:
            image: pixels (H, W, 3) uint8, a Pillow image, or the path of a file. Of the latter two, the EXIF
                orientation is applied.
            image_format: of an array, "RGB" or "BGR".
            region: as for :meth:`embed`, of the upright image.

        Raises:
            InvalidImage, InvalidInput: for another shape, type or format, or a file that is no image.
        """
        if image_format not in ("RGB", "BGR"):
            raise InvalidInput(f"The image format {image_format!r} is unknown.", hint="Use 'RGB' or 'BGR'.")
        if isinstance(image, np.ndarray):
            rgb = image if image_format == "RGB" else np.ascontiguousarray(image[..., ::-1])
        else:
            rgb = read_pixels(image)
        self._image = self.embed(rgb, region)

    def get_image_embedding(self) -> Tensor:
        """The embedding (1, C, h, w) of the image that was set: the first of the encoder's features.

        Raises:
            InvalidInput: when no image was set.
        """
        features = self.get_image_features()
        return features[self.model.config.features[0].name]

    def get_image_features(self) -> Features:
        """All that the encoder gave of the image that was set, by name.

        Raises:
            InvalidInput: when no image was set.
        """
        return self._opened(None).features

    def reset_image(self) -> None:
        """Forget the image that was set."""
        self._image = None

    def predict_batch(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        *,
        image: ImageEmbedding | None = None,
    ) -> Prediction:
        """Segment B objects of one image, a prompt for each; what depends on the image alone is computed once.

        Args:
            point_coords: (B, N, 2), x and y in image pixels.
            point_labels: (B, N), 1 foreground, 0 background.
            boxes: (B, 4), x0, y0, x1, y1 in image pixels.
            multimask_output: as for :meth:`predict`.
            return_logits: logits rather than booleans.
            image: what :meth:`embed` gave; by default the image of :meth:`set_image`.

        Returns:
            As :meth:`predict`, each with B in front: (B, K, H, W), (B, K), (B, K, G, G).

        Raises:
            InvalidPrompt: as for :meth:`predict`, or when the numbers of prompts differ.
            InvalidInput: when no image was set.
        """
        image = self._opened(image)
        columns = [
            None if column is None else list(np.asarray(column)) for column in (point_coords, point_labels, boxes)
        ]
        counts = {len(column) for column in columns if column is not None}
        if len(counts) != 1 or counts == {0}:
            raise InvalidPrompt(
                f"The numbers of prompts are {sorted(counts)}.",
                hint="Give as many boxes as rows of points; at least one.",
            )
        (count,) = counts
        coords, labels, corners = (column if column is not None else [None] * count for column in columns)
        every = [
            image.seen(as_prompts(*prompt, has_mask=False)) for prompt in zip(coords, labels, corners, strict=True)
        ]
        chosen = list(self.model.config.masks.chosen(multimask_output))
        with torch.inference_mode():
            prepared = self.split.prepare(image.features)
            answers = [self.split.decode(prepared, self._prompt(image, prompts, None)) for prompts in every]
            low_res = torch.cat([answer[0][:, chosen] for answer in answers])  # (B, K, G, G)
            scores = torch.cat([answer[1][:, chosen] for answer in answers])  # (B, K)
            logits = image.in_image(full_size(low_res, image.geometry))
        masks = logits if return_logits else logits > 0
        return masks.cpu().numpy(), scores.cpu().numpy(), low_res.cpu().numpy()

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        *,
        image: ImageEmbedding | None = None,
    ) -> Prediction:
        """Segment one object.

        Args:
            point_coords: (N, 2), x and y in image pixels.
            point_labels: (N,), 1 foreground, 0 background.
            box: x0, y0, x1, y1 in image pixels.
            mask_input: (1, G, G), logits of an earlier prediction; G is 256 for SAM.
            multimask_output: the masks for ambiguous prompts (of SAM three: whole, part, subpart) rather than one.
            return_logits: logits rather than booleans.
            image: what :meth:`embed` gave; by default the image of :meth:`set_image`.

        Returns:
            masks (K, H, W), their predicted IoU (K,), and low-resolution logits (K, G, G).

        Raises:
            InvalidPrompt: for prompts that are not finite, outside the image, or absent.
            InvalidInput: when no image was set.
        """
        image = self._opened(image)
        prompts = as_prompts(point_coords, point_labels, box, has_mask=mask_input is not None)
        low_res, iou_predictions = self.decode(image, prompts, mask_input)
        chosen = list(self.model.config.masks.chosen(multimask_output))
        logits = image.in_image(full_size(low_res[:, chosen], image.geometry))[0]  # (K, H, W)
        masks = logits if return_logits else logits > 0
        return masks.cpu().numpy(), iou_predictions[0, chosen].cpu().numpy(), low_res[0, chosen].cpu().numpy()

    @torch.inference_mode()
    def decode(
        self, image: ImageEmbedding, prompts: Prompts, mask_input: ArrayLike | None = None
    ) -> tuple[Tensor, Tensor]:
        """All candidates: ``low_res_masks`` (1, count, G, G) and ``iou_predictions`` (1, count).

        Raises:
            InvalidPrompt: when ``mask_input`` has another shape or the model takes none, or a prompt lies outside what
                was encoded.
        """
        return self.model.decode(image.features, self._prompt(image, image.seen(prompts), mask_input))

    def _prompt(self, image: ImageEmbedding, prompts: Prompts, mask_input: ArrayLike | None) -> DecoderPrompt:
        """What the decoder takes beside the image."""
        config = self.model.config
        if mask_input is not None and not config.prompts.mask:
            raise InvalidPrompt(f"{config.family} takes no mask prompt.", hint="Give points or a box.")
        side = config.low_res_size
        mask = np.zeros((side, side), np.float32) if mask_input is None else np.asarray(mask_input, np.float32)
        if mask.shape not in ((side, side), (1, side, side)):
            raise InvalidPrompt(
                f"The mask prompt has shape {mask.shape}.", hint=f"Give logits of shape (1, {side}, {side})."
            )
        coords, labels = prompts.model_inputs(image.geometry, config.prompts.padding)
        return DecoderPrompt(
            torch.from_numpy(coords),
            torch.from_numpy(labels),
            torch.from_numpy(mask.reshape(1, 1, side, side)),
            torch.tensor([float(mask_input is not None)]),
        ).to(self.device)

    def _opened(self, image: ImageEmbedding | None) -> ImageEmbedding:
        """The image that is meant: the given one, or the one that was set."""
        opened = image or self._image
        if opened is None:
            raise InvalidInput("There is no image to segment.", hint="Call set_image(image) first.")
        return opened


def read_pixels(image: Image.Image | str | Path) -> NDArray[np.uint8]:
    """A Pillow image, or the file at a path -> RGB (H, W, 3) uint8, upright.

    Raises:
        InvalidImage: when the file cannot be read as an image.
    """
    if isinstance(image, Image.Image):
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    try:
        with Image.open(image) as opened:
            return read_pixels(opened)
    except OSError as error:  # no such file, not an image, or one that is cut short
        raise InvalidImage(f"{image} cannot be read: {error}.", hint="Give the path of an image file.") from error


def as_prompts(
    point_coords: ArrayLike | None, point_labels: ArrayLike | None, box: ArrayLike | None, *, has_mask: bool
) -> Prompts:
    """Arrays as :meth:`Predictor.predict` takes them -> validated prompts.

    Raises:
        InvalidPrompt: for wrong shapes or values, or when there is nothing to ask.
    """
    if (point_coords is None) != (point_labels is None):
        raise InvalidPrompt("Points and labels go together.", hint="Give both point_coords and point_labels.")
    coords = np.zeros((0, 2)) if point_coords is None else np.asarray(point_coords, np.float64)
    labels = np.zeros(0) if point_labels is None else np.asarray(point_labels)
    if coords.ndim != 2 or coords.shape[1] != 2 or labels.ndim != 1:
        raise InvalidPrompt(
            f"Points have shape {coords.shape} and labels {labels.shape}.", hint="Give (N, 2) and (N,)."
        )
    corners = None if box is None else np.asarray(box, np.float64).reshape(-1)
    if corners is not None and corners.shape != (4,):
        raise InvalidPrompt(f"The box has {counted(corners.size, 'number')}.", hint="Give x0, y0, x1, y1.")
    prompts = Prompts(
        points=tuple((float(x), float(y)) for x, y in coords),
        labels=tuple(cast(list[int], labels.tolist())),  # Prompts refuses what is no label
        box=None if corners is None else (corners[0].item(), corners[1].item(), corners[2].item(), corners[3].item()),
        has_mask=has_mask,
    )
    if prompts.empty:
        raise InvalidPrompt("There is nothing to segment by.", hint="Give points, a box or a mask.")
    return prompts
