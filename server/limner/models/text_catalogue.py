"""Detectors that read text and that ``limner models pull`` can fetch: which revision, and what exactly must arrive.

Every file is pinned by its sha256 and size at one commit of the repository that publishes it; what changes there later
is refused. Weights are safetensors, which hold nothing but tensors; no checkpoint brings code of its own.

The sums are those that independent projects write down for these commits: several for the weights, of which the
publishing host tells them too, as Git LFS, and for all files of Grounding DINO; for the small files of OWLv2 and
OmDet-Turbo one, which compared them with the commits' Git object ids.
"""

from __future__ import annotations

from dataclasses import dataclass

HOST = "https://huggingface.co"


@dataclass(frozen=True)
class PinnedFile:
    """A file of a checkpoint: its name, its size in bytes, and its sha256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class KnownTextDetector:
    """A checkpoint as ``transformers`` reads it.

    Attributes:
        repository: that publishes it, ``OWNER/NAME``.
        revision: commit of the repository, 40 hexadecimal digits.
        files: all that its model and its processor need.
        needs: packages beside those of the extra ``text``.
    """

    name: str
    title: str
    licence: str
    repository: str
    revision: str
    files: tuple[PinnedFile, ...]
    needs: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def url(self, file: PinnedFile, host: str = HOST) -> str:
        """Where a file is published, at the pinned commit."""
        return f"{host}/{self.repository}/resolve/{self.revision}/{file.name}"


_BERT = (  # the processor's files of all Grounding DINO checkpoints
    PinnedFile("preprocessor_config.json", 457, "8454179ba95e2ad22947835aad7b45862a601fc0055ab88bf1ee70892d3aea60"),
    PinnedFile("special_tokens_map.json", 125, "b6d346be366a7d1d48332dbc9fdf3bf8960b5d879522b7799ddba59e76237ee3"),
    PinnedFile("tokenizer.json", 711_396, "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66"),
    PinnedFile("tokenizer_config.json", 1_237, "d40ab645b68211910b9170d22433d43186a6ec8ee6fd10ba170524b25bf4fb56"),
    PinnedFile("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
)
_CLIP = (  # the words of CLIP's tokenizer
    PinnedFile("merges.txt", 524_619, "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a"),
    PinnedFile("vocab.json", 1_059_962, "e089ad92ba36837a0d31433e555c8f45fe601ab5c221d4f607ded32d9f7a4349"),
)

KNOWN_TEXT_DETECTORS = {
    known.name: known
    for known in (
        KnownTextDetector(
            name="grounding-dino-tiny",
            title="Grounding DINO, Swin-T",
            licence="Apache-2.0",
            repository="IDEA-Research/grounding-dino-tiny",
            revision="a2bb814dd30d776dcf7e30523b00659f4f141c71",
            files=(
                PinnedFile("config.json", 1_644, "eec82c5ab66e16df12a9a212e68ac011779927c2536cf9078658e35d85f0c67a"),
                PinnedFile("added_tokens.json", 82, "909e96cb32d92ce728a01bc99850cbba26196d74115c17ebeb019275412588f2"),
                *_BERT,
                PinnedFile(
                    "model.safetensors",
                    689_359_096,
                    "1a2412ef99bd74bcd3c2a246fa1e48581f8889a1300c9051974741314fc042f3",
                ),
            ),
        ),
        KnownTextDetector(
            name="grounding-dino-base",
            title="Grounding DINO, Swin-B",
            licence="Apache-2.0",
            repository="IDEA-Research/grounding-dino-base",
            revision="12bdfa3120f3e7ec7b434d90674b3396eccf88eb",
            files=(
                PinnedFile("config.json", 1_737, "eda416dae6f49419ff831b1c190ec430a060b19aae688dbaf2425a075b650608"),
                *_BERT,
                PinnedFile(
                    "model.safetensors",
                    933_400_872,
                    "5548f844c928c4b6f411fa8cbcc2bfa8dbbba437cb1d513975519f93c2a9ed21",
                ),
            ),
        ),
        KnownTextDetector(
            name="owlv2-base",
            title="OWLv2 base/16, ensemble",
            licence="Apache-2.0",
            repository="google/owlv2-base-patch16-ensemble",
            revision="cfd3195ba4ea9592eec887ded089f4c08eff231d",
            files=(
                PinnedFile("config.json", 414, "ba9df8c25a4b8461887dd0a93d9252c9cd84697fe8d49a9d8794ce409af9acb2"),
                PinnedFile("added_tokens.json", 67, "e5dc0da35d20111e8ff3fdfc03682beca23d5f94ed74331bce81786b2636a24f"),
                PinnedFile(
                    "preprocessor_config.json", 425, "cf3e396635b797ee1a464e1b2836e98748f8edac19e89aaa2c93b55ac15b0064"
                ),
                PinnedFile(
                    "special_tokens_map.json", 121, "d6e2b9cf664efbad2d22998b8d3da986abcbeed3e0825ad33605c9401f9cf73e"
                ),
                PinnedFile(
                    "tokenizer_config.json", 1_100, "b55cda6198e152ded427c8a9b3faf1cccf27a7fa080697a62f6ff143f511f44f"
                ),
                *_CLIP,
                PinnedFile(
                    "model.safetensors",
                    619_918_824,
                    "e1e130b9e404cf91a75ad45644c1da9d7fa5284085eecc864266a6923efb99e7",
                ),
            ),
        ),
        KnownTextDetector(
            name="omdet-turbo-tiny",
            title="OmDet-Turbo, Swin-T",
            licence="Apache-2.0",
            repository="omlab/omdet-turbo-swin-tiny-hf",
            revision="7fe93cecfb770c4d76cf71163956221249cab566",
            files=(
                PinnedFile("config.json", 1_959, "c0d6546428c6dd7e72d9c8e2123cdd7ff24925dfbff9b535b66cd2f19ca65c46"),
                PinnedFile(
                    "preprocessor_config.json", 492, "cc6c8ac92ba1a8a62065f3439ebb58f01e4895fa038901e1df14c3427a617e23"
                ),
                PinnedFile(
                    "special_tokens_map.json", 588, "2cdb3b8331a60c92fc1e55a13e9fd61fd2293c5a51275fdcccd62b780052530e"
                ),
                PinnedFile(
                    "tokenizer_config.json", 749, "e27c4dfb5e3f95e39968080f024ad7fd8f11709acfd0b9ae669285bbedc5fad3"
                ),
                *_CLIP,
                PinnedFile(
                    "model.safetensors",
                    461_822_656,
                    "439d1575d7e237ad565ed6969ea2a2dfcedf2086155e9ca3ac96cd6180a48cfd",
                ),
            ),
            needs=("torchvision", "timm"),
        ),
    )
}
