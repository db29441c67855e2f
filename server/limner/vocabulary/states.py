"""The states that things can be in, by the names under which they are stored and told."""

from __future__ import annotations

from typing import Literal

ImageState = Literal["waiting", "submitted", "skipped"]  # how far the work on an image is
ImageFilter = Literal["all", "annotated", "unannotated", ImageState]
EmbeddingStateName = Literal["none", "waiting", "encoding", "ready", "failed"]
EncoderStateName = Literal["starting", "ready", "failed"]
JobKindName = Literal["precompute"]
JobStateName = Literal["running", "paused", "done", "cancelled", "failed"]
