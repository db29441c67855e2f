"""Exported graphs give what torch gives, and are written whole, once."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import load

from limner.errors import ExportFailed, ModelError
from limner.models.catalogue import bundled_models
from limner.models.manifest import Manifest, graphs_folder
from limner.models.registry import LoadedModel, build_model, build_sam, load_model
from limner.sam.common import as_kind
from limner.sam.factored.decoder import FACTORS, FactoredDecoder
from limner.sam.factored.prepared import MASK_CHANNELS
from limner.sam.model import ANSWERS, PADDING_LOGIT, Features, PromptableModel
from limner.sam.sam import Sam
from limner.sam.transformer import Attention
from limner.vocabulary.specs import IMAGE_EMBEDDINGS, FeatureSpec, MaskSpec, PromptSpec
from limner_onnx import check, export_model
from limner_onnx.graphs import PROMPT_INPUTS, example_features, example_prompt
from tests.e2e.tiny_models import TINY_MODELS
from tests.sam.reference import SMALL_B, lively

SHA = "ab" * 32
STORAGE_BUFFERS = 8  # of a kernel, with any WebGPU


@pytest.fixture(scope="module")
def sam() -> Sam:
    torch.manual_seed(4)
    model = build_sam("sam_vit_b", SMALL_B).eval()
    lively(model)
    return model


@pytest.fixture(scope="module")
def exported(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    home = tmp_path_factory.mktemp("home")
    loaded = LoadedModel(sam, "tiny", SHA, title="Tiny", licence="none")
    manifest = export_model(loaded, home / "graphs")
    return graphs_folder(home, SHA), manifest


def numbers(features: Features) -> dict[str, NDArray[np.float32]]:
    return {name: values.numpy() for name, values in features.items()}


def test_manifest_describes_the_graphs(sam: Sam, exported: tuple[Path, Manifest]) -> None:
    folder, manifest = exported
    assert sorted(path.name for path in folder.iterdir()) == ["decode.onnx", "manifest.json", "prepare.onnx"]
    assert Manifest.read(folder) == manifest
    for graph in (manifest.graphs.prepare, manifest.graphs.decode):
        path = folder / graph.file
        session = onnxruntime.InferenceSession(path)
        assert tuple(node.name for node in session.get_inputs()) == graph.inputs
        assert tuple(node.name for node in session.get_outputs()) == graph.outputs
        assert path.stat().st_size == graph.bytes
    assert manifest.graphs.prepare.inputs == ("image_embeddings", "valid_size", "whole")
    assert manifest.graphs.decode.inputs == (*manifest.graphs.prepare.outputs, *PROMPT_INPUTS)
    assert manifest.graphs.decode.outputs == (*ANSWERS, *FACTORS)
    assert manifest.features == (FeatureSpec(IMAGE_EMBEDDINGS, 256, 16, 16),)
    assert (manifest.input.fit, manifest.masks, manifest.prompts) == ("pad", MaskSpec(low_res_size=64), PromptSpec())
    assert 0 < manifest.max_abs_difference < 1e-4
    assert not list(folder.parent.glob(".export-*"))


def test_graphs_agree_with_torch_on_prompts_of_all_lengths(sam: Sam, exported: tuple[Path, Manifest]) -> None:
    folder, manifest = exported
    onnx = check.OnnxModel(folder / "prepare.onnx", folder / "decode.onnx", threads=1)
    features = example_features(sam.config.features, seed=8)
    prepared = onnx.prepare(numbers(features))
    assert set(prepared) == set(manifest.graphs.prepare.outputs)
    for seed, labels in enumerate([[-1], [1, -1], [2, 3], [0, 1, 2, 3], [1] * 9 + [-1], [0] * 40 + [2, 3]]):
        for has_mask in (False, True):
            prompt = example_prompt(sam.config, labels, has_mask, seed)
            with torch.inference_mode():
                expected = sam.decode(features, prompt)
            found = onnx.decode(prepared, [tensor.numpy() for tensor in prompt])
            assert found[0].shape == (1, 4, 64, 64)
            for ours, reference in zip(found, expected, strict=True):
                assert check.relative_difference(ours, reference.numpy()) < 1e-4


def test_masks_of_a_cropped_image(exported: tuple[Path, Manifest], sam: Sam) -> None:
    """The size may change from image to image, and padding gets what the page counts on."""
    folder, _ = exported
    onnx = check.OnnxModel(folder / "prepare.onnx", folder / "decode.onnx", threads=1)
    features = example_features(sam.config.features, seed=8)
    prompt = example_prompt(sam.config, [1, 0, -1], has_mask=True)
    with torch.inference_mode():
        expected = sam.decode(features, prompt)[0].numpy()
    for rows, columns in ((16, 16), (11, 16), (16, 3), (16, 16)):
        prepared = onnx.prepare(numbers(features), (rows, columns))
        masks, _ = onnx.decode(prepared, [tensor.numpy() for tensor in prompt])
        shown = (..., slice(4 * rows), slice(4 * columns))
        assert check.relative_difference(masks[shown], expected[shown]) < 1e-4
        assert (masks[..., 4 * rows :, :] == PADDING_LOGIT).all()
        assert (masks[..., 4 * columns :] == PADDING_LOGIT).all()


BASES = ("upscaled00", "upscaled01", "upscaled10", "upscaled11")


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("valid_size", [(16, 16), (11, 16), (16, 3)])
def test_what_the_graph_gives_beside_the_masks_is_what_they_are_made_of(
    exported: tuple[Path, Manifest], sam: Sam, valid_size: tuple[int, int], whole: bool
) -> None:
    """The page has the graph upscale a single cell, and makes the masks of what comes with it by itself."""
    folder, manifest = exported
    onnx = check.OnnxModel(folder / "prepare.onnx", folder / "decode.onnx", threads=1)
    features = example_features(sam.config.features, seed=8)
    prepared = onnx.prepare(numbers(features), valid_size, whole=whole)
    upscaling = copy.deepcopy(as_kind(sam.split(), FactoredDecoder).upscaling).double()
    rows, columns = valid_size
    for seed, labels in enumerate([[1, -1], [2, 3], [1] * 24 + [-1]]):
        for has_mask in (False, True):
            prompt = example_prompt(sam.config, labels, has_mask, seed)
            one_cell = {name: np.zeros((64, 1, 1), np.float32) for name in BASES}
            found = onnx.answer({**prepared, **one_cell}, [tensor.numpy() for tensor in prompt])
            answers = dict(zip(manifest.graphs.decode.outputs, found, strict=True))
            of_rows, of_columns, constants, weights = (torch.from_numpy(answers[name]).double() for name in FACTORS)
            shown = of_rows.view(-1, 16, 16)[: of_columns.shape[1], :rows, :columns].flatten(1)
            bases = [torch.from_numpy(prepared[name]).double() for name in BASES]
            with torch.inference_mode():
                expected, iou = sam.decode(features, prompt)
                masks = upscaling(bases, of_columns, shown, shown[-1:], weights)
            assert masks.shape == (1, 4, 4 * rows, 4 * columns)
            assert check.relative_difference(masks.numpy(), expected[..., : 4 * rows, : 4 * columns].numpy()) < 1e-4
            assert check.relative_difference(answers["iou_predictions"], iou.numpy()) < 1e-4
    matrix, bias, gain, offset, epsilon = torch.split(constants, [4 * 32 * 64, 32, 64, 64, 1])
    assert torch.equal(matrix.view(128, 64), upscaling.up2_matrix)
    assert torch.equal(bias, upscaling.up2_bias[:32, 0])
    assert torch.equal(gain, upscaling.norm.weight)
    assert torch.equal(offset, upscaling.norm.bias)
    assert epsilon.item() == pytest.approx(upscaling.norm.eps)


def test_what_prepare_leaves_out_decode_makes_up_for(exported: tuple[Path, Manifest], sam: Sam) -> None:
    folder, _ = exported
    onnx = check.OnnxModel(folder / "prepare.onnx", folder / "decode.onnx", threads=1)
    features = example_features(sam.config.features, seed=8)
    assert onnx.can_leave_out
    soon = onnx.prepare(numbers(features), (11, 16), whole=False)
    assert not soon["key2"].any()
    assert soon["image"].shape == (257, 256)
    for seed, labels in enumerate([[1, -1], [2, 3], [0] * 40 + [2, 3]]):
        for has_mask in (False, True):
            prompt = example_prompt(sam.config, labels, has_mask, seed)
            with torch.inference_mode():
                expected = sam.decode(features, prompt)
            masks, iou = onnx.decode(soon, [tensor.numpy() for tensor in prompt])
            assert check.relative_difference(masks[:, :, :44], expected[0][:, :, :44].numpy()) < 1e-4
            assert check.relative_difference(iou, expected[1].numpy()) < 1e-4


def test_mask_input_counts_only_with_its_switch(exported: tuple[Path, Manifest], sam: Sam) -> None:
    folder, _ = exported
    onnx = check.OnnxModel(folder / "prepare.onnx", folder / "decode.onnx", threads=1)
    prepared = onnx.prepare({IMAGE_EMBEDDINGS: np.ones((1, 256, 16, 16), np.float32)})
    coords, labels, mask, on = (t.numpy() for t in example_prompt(sam.config, [1, -1], has_mask=True))
    with_mask, _ = onnx.decode(prepared, (coords, labels, mask, on))
    without, _ = onnx.decode(prepared, (coords, labels, mask, 0 * on))
    other_mask, _ = onnx.decode(prepared, (coords, labels, 3 * mask + 1, 0 * on))
    assert np.abs(with_mask - without).max() > 1e-2 * np.abs(without).max()
    np.testing.assert_array_equal(without, other_mask)


def test_export_is_cached_and_mended(sam: Sam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = LoadedModel(sam, "tiny", SHA)
    written: list[Path] = []
    from limner_onnx import exporter

    write = exporter.write_graphs

    def counted(loaded: LoadedModel, folder: Path) -> Manifest:
        written.append(folder)
        return write(loaded, folder)

    monkeypatch.setattr(exporter, "write_graphs", counted)
    first = export_model(loaded, tmp_path)
    assert export_model(loaded, tmp_path) == first
    assert len(written) == 1

    decode = tmp_path / SHA / "decode.onnx"
    decode.write_bytes(decode.read_bytes()[:-1])
    export_model(loaded, tmp_path)
    assert len(written) == 2
    assert decode.stat().st_size == first.graphs.decode.bytes

    manifest = tmp_path / SHA / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "exporter": 1_000}))
    export_model(loaded, tmp_path)
    assert len(written) == 3


def test_a_difference_is_an_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    model = build_sam("sam_vit_b", SMALL_B).eval()
    monkeypatch.setattr(check, "MAX_DIFFERENCE", 1e-12)
    with pytest.raises(ExportFailed, match="differ by"):
        export_model(LoadedModel(model, "tiny", SHA), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_not_a_number_is_an_error(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = build_sam("sam_vit_b", SMALL_B).eval()
    with torch.no_grad():
        model.mask_decoder.iou_token.weight.fill_(float("nan"))
    with pytest.raises(ExportFailed, match="finite"):
        export_model(LoadedModel(model, "tiny", SHA), tmp_path)


def test_missing_manifest_names_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="limner models export"):
        Manifest.read(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ModelError, match="not a manifest"):
        Manifest.read(tmp_path)


@pytest.fixture(scope="module")
def samlet() -> PromptableModel:
    model = build_model("samlet", seed=2)
    lively(model)
    return model


@pytest.fixture(scope="module")
def exported_samlet(samlet: PromptableModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    home = tmp_path_factory.mktemp("samlet")
    manifest = export_model(LoadedModel(samlet, "samlet", SHA), home / "graphs")
    return graphs_folder(home, SHA), manifest


def test_samlet(exported_samlet: tuple[Path, Manifest]) -> None:
    _, manifest = exported_samlet
    assert manifest.family == "samlet"
    assert manifest.max_abs_difference < 1e-4


@pytest.mark.parametrize("name", ["sam", "samlet"])
class TestOnWebGPU:
    @pytest.fixture
    def model(self, name: str, request: pytest.FixtureRequest) -> PromptableModel:
        model: PromptableModel = request.getfixturevalue(name)
        return model

    @pytest.fixture
    def folder(self, name: str, request: pytest.FixtureRequest) -> Path:
        folder: Path = request.getfixturevalue({"sam": "exported", "samlet": "exported_samlet"}[name])[0]
        return folder

    def test_nothing_is_split_into_more_than_a_kernel_may_write(self, folder: Path) -> None:
        nodes = [*load(folder / "prepare.onnx").graph.node, *load(folder / "decode.onnx").graph.node]
        assert 1 + max(len(node.output) for node in nodes) <= STORAGE_BUFFERS

    def test_an_absent_mask_prompt_can_be_rows_of_zeros(self, model: PromptableModel, folder: Path) -> None:
        """Its convolutions take no empty tensors."""
        onnx = check.OnnxModel(folder / "prepare.onnx", folder / "decode.onnx", threads=1)
        prepared = onnx.prepare(numbers(example_features(model.config.features)))
        coords, labels, mask, on = (t.numpy() for t in example_prompt(model.config, [1, 0, -1], has_mask=True))
        none, zeros, with_mask = (
            onnx.decode(prepared, (coords, labels, mask, switch * on))[0] for switch in (0, -1, 1)
        )
        assert check.relative_difference(zeros, none) < 1e-5
        assert check.relative_difference(with_mask, none) > 1e-2


def test_bundled_model(tmp_path: Path) -> None:
    (bundled,) = bundled_models()
    manifest = export_model(load_model(bundled.name, tmp_path), tmp_path / "graphs")
    assert manifest.name == bundled.name
    assert manifest.weights_sha256 == bundled.card.weights_sha256
    assert Manifest.read(graphs_folder(tmp_path, manifest.weights_sha256)) == manifest
    assert manifest.graphs.prepare.bytes + manifest.graphs.decode.bytes < 8e6


def test_a_decoder_whose_heads_have_another_size_than_its_mask_prompt(tmp_path: Path) -> None:
    """SAM's happen to have the same."""
    model = TINY_MODELS["sam"]()
    attention = as_kind(model.get_submodule("mask_decoder.transformer.final_attn_token_to_image"), Attention)
    assert attention.q_proj.out_features // attention.num_heads != MASK_CHANNELS
    manifest = export_model(LoadedModel(model, "tiny", SHA), tmp_path)  # which compares prompts of all kinds
    assert manifest.max_abs_difference < 1e-4
