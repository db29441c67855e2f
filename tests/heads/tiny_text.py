"""Text detectors with the real classes and processors of ``transformers``, tiny, with random weights, offline."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import (
    BertTokenizerFast,
    CLIPTokenizerFast,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoProcessor,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2Processor,
)

WORDS = ("cat", "dog", "ball", "red", "car", "a", ".", ",")
SWIN = {
    "model_type": "swin",
    "image_size": 64,
    "patch_size": 4,
    "embed_dim": 8,
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 1, 2, 2],
    "window_size": 4,
    "out_features": ["stage2", "stage3", "stage4"],
}


def bert_tokenizer(folder: Path) -> BertTokenizerFast:
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS)) + "\n")
    return BertTokenizerFast(str(vocabulary))


def grounding_dino(folder: Path, family: str = "grounding-dino") -> Path:
    """Grounding DINO, or MM-Grounding-DINO, which LLMDet is too."""
    folder.mkdir(parents=True)
    config_class, model_class = (
        (GroundingDinoConfig, GroundingDinoForObjectDetection)
        if family == "grounding-dino"
        else (MMGroundingDinoConfig, MMGroundingDinoForObjectDetection)
    )
    text = {
        "model_type": "bert",
        "vocab_size": 16,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 64,
    }
    config = config_class(
        backbone_config=SWIN,
        text_config=text,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=8,
        max_text_len=32,
    )
    torch.manual_seed(0)
    model_class(config).save_pretrained(folder)
    try:
        from transformers import GroundingDinoImageProcessorPil as ImageProcessor
    except ImportError:
        from transformers import GroundingDinoImageProcessor as ImageProcessor
    images = ImageProcessor(size={"shortest_edge": 96, "longest_edge": 128})
    GroundingDinoProcessor(images, bert_tokenizer(folder)).save_pretrained(folder)
    return folder


def owlv2(folder: Path) -> Path:
    folder.mkdir(parents=True)
    letters = sorted(set("".join(WORDS)))
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)
    common = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    text = {**common, "vocab_size": len(tokens), "max_position_embeddings": 16}
    text |= {"bos_token_id": len(tokens) - 2, "eos_token_id": len(tokens) - 1, "pad_token_id": 0}
    config = Owlv2Config(
        text_config=text, vision_config={**common, "image_size": 64, "patch_size": 16}, projection_dim=16
    )
    torch.manual_seed(0)
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    try:
        from transformers import Owlv2ImageProcessorPil as ImageProcessor
    except ImportError:
        from transformers import Owlv2ImageProcessor as ImageProcessor
    Owlv2Processor(ImageProcessor(size={"height": 64, "width": 64}), tokenizer).save_pretrained(folder)
    return folder
