"""The backbone against the published network: the same written out in the names of the published checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.errors import MissingWeights, WrongWeights
from limner.sam.model import PIXEL_MEAN, PIXEL_STD
from limner.sam.samlet.efficientnet import CHANNELS, EfficientNetLite2, features_from_published
from limner.train import published

# Of EfficientNet-Lite2, block by block: channels in, inside and out, kernel, stride.
BLOCKS = [
    (32, 32, 16, 3, 1),
    *[(16, 96, 24, 3, 2), (24, 144, 24, 3, 1), (24, 144, 24, 3, 1)],
    *[(24, 144, 48, 5, 2), (48, 288, 48, 5, 1), (48, 288, 48, 5, 1)],
    *[(48, 288, 88, 3, 2), *[(88, 528, 88, 3, 1)] * 3],
    *[(88, 528, 120, 5, 1), *[(120, 720, 120, 5, 1)] * 3],
    *[(120, 720, 208, 5, 2), *[(208, 1248, 208, 5, 1)] * 4],
    (208, 1248, 352, 3, 1),
]
LAST_OF_STRIDE = {3: 4, 6: 8, 14: 16, 20: 32}  # block: stride


class Published:
    """A checkpoint as the package has it, its norms with statistics and gains that are not trivial."""

    def __init__(self, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.state: dict[str, Tensor] = {"_fc.weight": torch.zeros(1000, 1280)}
        self.layer("_conv_stem", "_bn0", (32, 3, 3, 3))
        for number, (before, inner, after, kernel, _) in enumerate(BLOCKS):
            block = f"_blocks.{number}"
            if before != inner:
                self.layer(f"{block}._expand_conv", f"{block}._bn0", (inner, before, 1, 1))
            self.layer(f"{block}._depthwise_conv", f"{block}._bn1", (inner, 1, kernel, kernel))
            self.layer(f"{block}._project_conv", f"{block}._bn2", (after, inner, 1, 1))

    def layer(self, conv: str, norm: str, shape: tuple[int, ...]) -> None:
        fan_in = shape[1] * shape[2] * shape[3]
        self.state[f"{conv}.weight"] = torch.randn(shape, generator=self.random) * (2 / fan_in) ** 0.5
        for name, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.5, 1.0),
            ("running_mean", -0.3, 0.3),
            ("running_var", 0.3, 2),
        ):
            values = torch.rand(shape[0], generator=self.random, dtype=torch.float64) * (high - low) + low
            self.state[f"{norm}.{name}"] = values.float()

    def apply(self, x: Tensor, conv: str, norm: str, stride: int = 1, relu: bool = True) -> Tensor:
        weight = self.state[f"{conv}.weight"].double()
        groups = x.shape[1] // weight.shape[1]
        y = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, groups)
        mean, var, gain, shift = (
            self.state[f"{norm}.{name}"].double() for name in ("running_mean", "running_var", "weight", "bias")
        )
        y = F.batch_norm(y, mean, var, gain, shift, eps=1e-3)
        return F.hardtanh(y, 0, 6) if relu else y

    def features(self, x: Tensor) -> Iterator[Tensor]:
        x = self.apply(x, "_conv_stem", "_bn0", stride=2)
        for number, (before, inner, after, _, stride) in enumerate(BLOCKS):
            block, entered = f"_blocks.{number}", x
            if before != inner:
                x = self.apply(x, f"{block}._expand_conv", f"{block}._bn0")
            x = self.apply(x, f"{block}._depthwise_conv", f"{block}._bn1", stride)
            x = self.apply(x, f"{block}._project_conv", f"{block}._bn2", relu=False)
            x = x + entered if stride == 1 and before == after else x
            if number in LAST_OF_STRIDE:
                yield x


@torch.no_grad()
def test_features_are_those_of_the_published_network() -> None:
    checkpoint = Published(seed=1)
    ours = features_from_published(checkpoint.state, (127, 127, 127), (128, 128, 128)).double()
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for found, expected, stride in zip(ours(images), checkpoint.features(images), CHANNELS, strict=True):
        assert found.shape == (2, CHANNELS[stride], 64 // stride, 96 // stride)
        assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


@torch.no_grad()
def test_images_normalised_as_ours_give_the_same_inside() -> None:
    checkpoint = Published(seed=3)
    theirs = features_from_published(checkpoint.state, (127, 127, 127), (128, 128, 128)).stem
    ours = features_from_published(checkpoint.state, PIXEL_MEAN, PIXEL_STD).stem
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(4)) * 255
    mean, std = (torch.tensor(values)[None, :, None, None] for values in (PIXEL_MEAN, PIXEL_STD))
    found, expected = ours((pixels - mean) / std), theirs((pixels - 127) / 128)
    torch.testing.assert_close(found[..., 1:, 1:], expected[..., 1:, 1:], rtol=0, atol=1e-4)


def test_a_checkpoint_of_another_network_is_refused() -> None:
    state = Published(seed=5).state
    del state["_blocks.7._bn1.bias"]
    with pytest.raises(WrongWeights, match=r"_blocks\.7\._bn1"):
        features_from_published(state, PIXEL_MEAN, PIXEL_STD)


def test_the_published_weights_are_found_in_their_package() -> None:
    features = published.published_features()
    assert sum(value.numel() for value in features.parameters()) == 4_330_184
    with torch.no_grad():
        assert features(torch.zeros(1, 3, 64, 64)).at32.std() > 0.05  # random weights fade out on the way


def test_without_the_package_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "PACKAGE", "no-such-package-anywhere")
    with pytest.raises(MissingWeights, match="no-such-package-anywhere") as caught:
        published.published_features()
    assert "limner[train]" in str(caught.value.hint)


def test_a_changed_file_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "weights.pth"
    torch.save({"_conv_stem.weight": torch.zeros(1)}, changed)
    monkeypatch.setattr(published, "_weights_file", lambda: changed)
    with pytest.raises(WrongWeights, match="sha256"):
        published.published_features()


def test_fresh_weights_let_features_through() -> None:
    torch.manual_seed(6)
    with torch.no_grad():
        features = EfficientNetLite2()(torch.randn(1, 3, 64, 64))
    assert all(0.01 < level.std() < 100 for level in features)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in EfficientNetLite2().modules())


def test_what_is_frozen_lets_the_same_gradients_through() -> None:
    torch.manual_seed(7)
    network = EfficientNetLite2().double()
    images = torch.randn(2, 3, 64, 96, dtype=torch.float64, requires_grad=True)
    gradients = []
    for learns in (True, False):
        for module in network.modules():
            if isinstance(module, nn.Conv2d) and module.groups > 1:
                module.requires_grad_(learns)
        levels = network(images)
        parameters = [parameter for parameter in network.stem.parameters() if parameter.requires_grad]
        gradients.append(torch.autograd.grad(sum(level.pow(2).sum() for level in levels), [images, *parameters]))
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected)
