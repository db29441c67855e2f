"""The states that things can be in, by the names under which they are stored and told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

SuggestionOrigin = Literal["everything", "similar", "detector", "text", "import", "propagated"]  # where they come from
SuggestionActivity = Literal["waiting", "running", "ready", "failed", "cancelled"]  # of a run on one image
ImageState = Literal["waiting", "submitted", "approved", "returned", "skipped"]  # how far the work on an image is
# What else can be asked of an image, whatever its state.
ImageTrait = Literal["annotated", "unannotated", "in_work", "assigned_to_me", "returned_to_me", "commented", "gold"]
ImageFilter = Literal["all", ImageState, ImageTrait]
AlsoFilter = Literal["any", ImageTrait]
# Of an image on which several people work, each on a copy: nobody has begun, some have, all are in, it was decided.
OverlapState = Literal["open", "begun", "ready", "settled"]
UNSETTLED: Sequence[OverlapState] = ("open", "begun", "ready")
LEAST_PEOPLE, MOST_PEOPLE = 2, 10  # that work independently on one image
ReturnedTo = Literal["author", "anyone", "me"]  # who is to go on with an image that is returned
NextOrder = Literal[
    "added", "name", "random", "informative"
]  # in which images are handed out that are assigned to nobody
RankBy = Literal["both", "uncertainty", "diversity"]  # by what images are ranked that would teach a model
WebhookEvent = Literal["image.submitted", "image.approved", "project.exported", "learning.done", "test"]
DeliveryState = Literal["waiting", "delivered", "failed"]
EffortBy = Literal["category", "person", "model", "day"]  # what makes a group of masks in statistics
MaskVerdict = Literal["right", "wrong"]  # what somebody who verifies masks says of one
# Of masks in the verification grid: all, by the verdict on them as they are, without one, wrong once and changed since.
VerdictFilter = Literal["any", "right", "wrong", "unverified", "mended"]
ExhaustivityFilter = Literal["any", "yes", "no", "unknown"]  # whether all of a category are annotated on an image
VerificationBy = Literal["category", "person"]  # what makes a group of verified masks
EmbeddingStateName = Literal["none", "waiting", "encoding", "ready", "failed"]
EncoderStateName = Literal["starting", "ready", "failed"]
JobKindName = Literal["precompute", "change_model", "suggest", "rank", "export"]
JobStateName = Literal["running", "paused", "done", "cancelled", "failed"]
