"""How far the work on an image can be said to be, from where, and by whom: one table. The docs print it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from limner.access.permissions import Permission
from limner.errors import Conflict, Forbidden
from limner.vocabulary.states import ImageState

_BY_ANNOTATORS = Permission.ANNOTATE
_BY_REVIEWERS = Permission.REVIEW

# (state before, state after): the permission that it needs. What is not here is not possible.
TRANSITIONS: Mapping[tuple[ImageState, ImageState], Permission] = {
    ("waiting", "waiting"): _BY_ANNOTATORS,
    ("waiting", "submitted"): _BY_ANNOTATORS,
    ("waiting", "skipped"): _BY_ANNOTATORS,
    ("waiting", "approved"): _BY_REVIEWERS,
    ("waiting", "returned"): _BY_REVIEWERS,
    ("submitted", "waiting"): _BY_ANNOTATORS,  # taken back
    ("submitted", "submitted"): _BY_ANNOTATORS,
    ("submitted", "skipped"): _BY_ANNOTATORS,
    ("submitted", "approved"): _BY_REVIEWERS,
    ("submitted", "returned"): _BY_REVIEWERS,
    ("returned", "waiting"): _BY_REVIEWERS,
    ("returned", "submitted"): _BY_ANNOTATORS,
    ("returned", "skipped"): _BY_ANNOTATORS,
    ("returned", "approved"): _BY_REVIEWERS,
    ("returned", "returned"): _BY_REVIEWERS,
    ("approved", "waiting"): _BY_REVIEWERS,
    ("approved", "submitted"): _BY_REVIEWERS,  # approval taken back
    ("approved", "approved"): _BY_REVIEWERS,
    ("approved", "returned"): _BY_REVIEWERS,
    ("skipped", "waiting"): _BY_ANNOTATORS,
    ("skipped", "submitted"): _BY_ANNOTATORS,
    ("skipped", "skipped"): _BY_ANNOTATORS,
    ("skipped", "returned"): _BY_REVIEWERS,
}


def check_transition(before: ImageState, after: ImageState, granted: frozenset[Permission]) -> None:
    """Make sure that somebody with these permissions may say that an image is in another state.

    Raises:
        Conflict: nobody can, from where it is.
        Forbidden: they may not.
    """
    needed = TRANSITIONS.get((before, after))
    if needed is None:
        possible = ", ".join(state for state in get_args(ImageState) if (before, state) in TRANSITIONS)
        raise Conflict(f"An image that is {before} cannot become {after}.", hint=f"It can become: {possible}.")
    if needed not in granted:
        raise Forbidden(
            f"Only who reviews may say that an image that is {before} is {after}.",
            hint="Ask a reviewer or a manager of the project.",
            details={"permission": needed},
        )
