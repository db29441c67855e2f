"""Weights in and out of files; whatever does not fit is refused by name."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from limner.errors import Conflict, InvalidInput, MissingWeights, ModelError, WrongWeights
from limner.models.catalogue import CARD_FILE, find_model, installed_models, model_folder, read_card
from limner.models.checkpoints import load_into, read_state, write_state
from limner.models.install import install_file
from limner.models.registry import architecture_of, build_model, build_sam, infer_family, load_model
from limner.sam.samlet import Samlet, SamletConfig
from tests.sam.reference import SMALL_B, SMALL_L, reference_sam


@pytest.fixture(scope="module")
def samlet() -> dict[str, torch.Tensor]:
    return build_model("samlet", seed=1).state_dict()


def test_same_seed_same_weights() -> None:
    first, second, other = (build_model("samlet", seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_seeding_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    build_model("samlet", seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_published_names_are_ours(tmp_path: Path) -> None:
    reference = reference_sam(SMALL_B, seed=1)
    torch.save(reference.state_dict(), tmp_path / "sam.pth")
    model = build_sam("sam_vit_b", SMALL_B)
    load_into(model, read_state(tmp_path / "sam.pth"), "sam.pth")
    for name, tensor in reference.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_half_precision_files_become_float32(samlet: dict[str, torch.Tensor], tmp_path: Path) -> None:
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in samlet.items()}
    save_file(half, tmp_path / "half.safetensors")
    loaded = load_model(tmp_path / "half.safetensors", tmp_path)
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert not loaded.model.training


def test_a_training_checkpoint_is_unwrapped(samlet: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({"step": 7, "model": samlet}, tmp_path / "run.pth")
    assert load_model(tmp_path / "run.pth", tmp_path).model.config.family == "samlet"


def test_every_family_is_recognised() -> None:
    for family in ("sam_vit_b", "sam_vit_l", "sam_vit_h", "samlet"):
        with torch.device("meta"):
            assert infer_family(build_model(family).state_dict(), "x") == family


def first_samlet(seed: int) -> Samlet:
    """The network that shipped first, whose weights are still in people's homes."""
    torch.manual_seed(seed)
    return Samlet(SamletConfig(backbone="convolutions")).eval()


@torch.no_grad()
def test_weights_of_the_first_samlet_go_on_working(tmp_path: Path) -> None:
    first = first_samlet(seed=7)
    save_file({name: value.half() for name, value in first.state_dict().items()}, tmp_path / "mine.safetensors")
    installed = install_file(tmp_path / "mine.safetensors", tmp_path, name="mine")
    assert (installed.card.family, installed.card.architecture) == ("samlet", "convolutions")
    loaded = load_model("mine", tmp_path)
    image = torch.randn(1, 3, 512, 512, generator=torch.Generator().manual_seed(1))
    for value in first.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half())
    torch.testing.assert_close(loaded.model.encode(image), first.encode(image), rtol=0, atol=0)


def test_a_card_from_before_there_was_a_choice_is_read(tmp_path: Path) -> None:
    save_file(first_samlet(seed=8).state_dict(), tmp_path / "mine.safetensors")
    installed = install_file(tmp_path / "mine.safetensors", tmp_path, name="mine")
    card = json.loads((installed.weights.parent / CARD_FILE).read_text())
    del card["architecture"]
    (installed.weights.parent / CARD_FILE).write_text(json.dumps(card))
    assert load_model("mine", tmp_path).model.config.family == "samlet"
    assert find_model("mine", tmp_path).card.architecture == ""


def test_the_bundled_card_names_its_architecture(tmp_path: Path) -> None:
    bundled = find_model("samlet", tmp_path)
    assert bundled.card.architecture == architecture_of("samlet", read_state(bundled.weights))


def test_wrong_shapes_and_names_are_named() -> None:
    state = build_sam("sam_vit_b", SMALL_L).state_dict()
    with pytest.raises(WrongWeights, match=r"of another shape: .*pos_embed is .* instead of") as caught:
        load_into(build_sam("sam_vit_b", SMALL_B), state, "large.pth")
    assert "large.pth" in caught.value.message
    del state["mask_decoder.iou_token.weight"]
    state["surplus"] = torch.zeros(1)
    with pytest.raises(WrongWeights, match=r"1 missing: mask_decoder.iou_token.weight; 1 unknown: surplus"):
        load_into(build_sam("sam_vit_b", SMALL_L), state, "large.pth")


def test_nearest_family_is_named() -> None:
    with torch.device("meta"):
        state = build_model("sam_vit_l").state_dict()
    del state["image_encoder.blocks.3.norm1.weight"]
    with pytest.raises(WrongWeights, match=r"Nearest is sam_vit_l: 1 missing: image_encoder.blocks.3.norm1.weight"):
        infer_family(state, "x.pth")


class Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("exploited"),))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("pickle.pth", pickle.dumps({"a": Exploit()}, protocol=2), r"damaged|magic number"),
        ("text.pth", b"this is not a checkpoint", "neither safetensors nor a file that PyTorch saved"),
        ("passwd", b"root:x:0:0:root:/root:/bin/bash\n", "neither safetensors nor a file that PyTorch saved"),
        ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)), "neither safetensors nor a file"),
        ("empty.pth", b"", "it is empty"),
        ("empty.safetensors", b"", "it is empty"),
        ("text.safetensors", b"this is not a checkpoint either", "header"),
    ],
    ids=["pickle", "text", "accounts", "photo", "empty", "empty safetensors", "text as safetensors"],
)
def test_what_is_no_checkpoint_is_refused(
    name: str, content: bytes, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WrongWeights, match=f"{name} .*({why})"):
        read_state(tmp_path / name)
    assert not (tmp_path / "exploited").exists()


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": torch.zeros(1), "code": Exploit()}, tmp_path / "bad.pth")
    with pytest.raises(WrongWeights, match=r"bad\.pth .* more than tensors") as caught:
        read_state(tmp_path / "bad.pth")
    assert "weights_only" not in str(caught.value)  # PyTorch advises to run it
    assert not (tmp_path / "exploited").exists()


def test_truncated_files_are_refused(samlet: dict[str, torch.Tensor], tmp_path: Path) -> None:
    for path in (tmp_path / "cut.pth", tmp_path / "cut.safetensors"):
        torch.save(samlet, path) if path.suffix == ".pth" else save_file(samlet, path)
        path.write_bytes(path.read_bytes()[:-100_000])
        with pytest.raises(WrongWeights, match="could not be read"):
            read_state(path)


def test_no_tensors(tmp_path: Path) -> None:
    torch.save({"step": 3}, tmp_path / "steps.pth")
    with pytest.raises(WrongWeights, match="no state dict"):
        read_state(tmp_path / "steps.pth")


def test_safetensors_are_byte_stable(samlet: dict[str, torch.Tensor], tmp_path: Path) -> None:
    write_state(samlet, tmp_path / "a.safetensors", {"family": "samlet"})
    write_state(dict(reversed(samlet.items())), tmp_path / "b.safetensors", {"family": "samlet"})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_install_and_load(samlet: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(samlet, tmp_path / "mine.pth")
    installed = install_file(tmp_path / "mine.pth", tmp_path, name="mine", licence="MIT")
    assert (installed.card.family, installed.card.licence, installed.bundled) == ("samlet", "MIT", False)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["mine"]
    loaded = load_model("mine", tmp_path)
    assert loaded.weights_sha256 == installed.card.weights_sha256
    assert all(torch.equal(tensor, loaded.model.state_dict()[name]) for name, tensor in samlet.items())
    assert "mine" in {model.name for model in installed_models(tmp_path)}
    with pytest.raises(Conflict, match="installed already"):
        install_file(tmp_path / "mine.pth", tmp_path, name="mine")


def test_a_flipped_byte_is_noticed(samlet: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(samlet, tmp_path / "mine.pth")
    weights = install_file(tmp_path / "mine.pth", tmp_path, name="mine").weights
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(WrongWeights, match="have changed since they were installed"):
        load_model("mine", tmp_path)


def test_the_wrong_family_leaves_nothing(samlet: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(samlet, tmp_path / "mine.pth")
    with pytest.raises(WrongWeights, match="does not fit sam_vit_b"):
        install_file(tmp_path / "mine.pth", tmp_path, name="mine", family="sam_vit_b")
    with pytest.raises(InvalidInput, match="family 'resnet' is unknown"):
        install_file(tmp_path / "mine.pth", tmp_path, name="mine", family="resnet")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("name", ["../up", "", "A", "a/b", ".hidden", "x" * 65])
def test_names_stay_inside_the_models_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be a model's name"):
        model_folder(tmp_path, name)


def test_missing_models_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="limner models pull sam_vit_b"):
        find_model("sam_vit_b", tmp_path)
    with pytest.raises(MissingWeights, match="no model called 'nothing'"):
        load_model("nothing", tmp_path)
    with pytest.raises(MissingWeights, match=r"no weights file .*gone\.pth"):
        load_model(tmp_path / "gone.pth", tmp_path)
    with pytest.raises(MissingWeights, match=CARD_FILE):
        read_card(tmp_path)
    (tmp_path / CARD_FILE).write_text('{"name": "x"}')
    with pytest.raises(ModelError, match="does not describe a model"):
        read_card(tmp_path)
