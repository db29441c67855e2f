"""Suggestions: read, asked for on one image or on a whole project, cancelled. Taking and refusing are operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_image, access_project
from limner.errors import InvalidInput, MissingWeights, ModelError
from limner.jobs.kinds import SuggestPayload
from limner.jobs.suggest_jobs import start_suggest
from limner.jobs.suggest_one import activity_of, ask_for_image, cancel_for_image
from limner.models.detectors import DetectorCard, DetectorJudgement, choose_detector, usable_detectors
from limner.models.text_detectors import choose_text_detector, parse_phrases, phrase_of
from limner.quality.thresholds import Decision, Threshold, fit_threshold
from limner.service.models import key_in, key_of
from limner.service.wiring import Services
from limner.store.categories import list_categories
from limner.store.copies import home_of
from limner.store.examples import examples_of
from limner.store.suggestions import phrase_decisions, suggestions_of
from limner.store.tables import Job, Suggestion
from limner.vocabulary.events import PublishedEvent, SuggestionsEvent
from limner.vocabulary.states import RankBy, SuggestionActivity
from limner.vocabulary.suggested import BOX_THRESHOLD, Assess, Detected, Phrases, Similar, SuggestRequest

__all__ = [
    "CategoryThreshold",
    "DetectorCard",
    "DetectorJudgement",
    "ImageSuggestions",
    "cancel_suggestions",
    "list_detectors",
    "list_suggestions",
    "list_thresholds",
    "request_suggestions",
    "similar_to_category",
    "start_ranking",
    "start_suggesting",
]


MOST_DECISIONS = 5000  # of a project that thresholds are learned from, the newest ones


@dataclass(frozen=True)
class CategoryThreshold:
    """The least score of a text detector's boxes of a category."""

    detector: str
    category_id: int
    threshold: Threshold


@dataclass(frozen=True)
class ImageSuggestions:
    """What is suggested for an image of this size in pixels, best first.

    Attributes:
        activity: whether more is being looked for; None when nobody has asked.
    """

    image_id: int
    height: int
    width: int
    suggestions: Sequence[Suggestion]
    activity: SuggestionActivity | None


def list_suggestions(context: Services, actor: Actor, image_id: int) -> ImageSuggestions:
    """The suggestions of an image that nobody has refused.

    Raises:
        NotFound: there is no such image that the actor may see.
    """
    with context.database.read() as session:
        image = access_image(session, actor, image_id, Permission.VIEW)
        rows = suggestions_of(session, image.id)
        return ImageSuggestions(image.id, image.height, image.width, rows, activity_of(session, image.id))


def request_suggestions(context: Services, actor: Actor, image_id: int, request: SuggestRequest) -> ImageSuggestions:
    """Have suggestions made for one image by its project's model, before everything else; pages hear how it goes on.

    Raises:
        NotFound: there is no such image that the actor may see.
        Forbidden: the actor may not annotate it.
        InvalidInput: examples that are asked for are not there, or no such detector is.
    """
    with context.database.write() as session:
        image = access_image(session, actor, image_id, Permission.ANNOTATE)
        model_sha256 = key_in(context, session, image.project_id).model_sha256
        payload = _payload(context, session, home_of(session, image), model_sha256, request)
        ask_for_image(session, image, payload)
    event = SuggestionsEvent(image_id=image_id, state="waiting")
    context.events.publish([PublishedEvent(None, image.project_id, event)])
    context.suggester.look_again()
    return list_suggestions(context, actor, image_id)


def cancel_suggestions(context: Services, actor: Actor, image_id: int) -> None:
    """Nobody wants the suggestions any more that were asked for on this image; those that there are stay.

    Raises:
        NotFound: there is no such image that the actor may see.
        Forbidden: the actor may not annotate it.
    """
    with context.database.write() as session:
        image = access_image(session, actor, image_id, Permission.ANNOTATE)
        cancelled = cancel_for_image(session, image.id)
    if cancelled:
        event = SuggestionsEvent(image_id=image_id, state="cancelled")
        context.events.publish([PublishedEvent(None, image.project_id, event)])
    context.suggester.look_again()


def start_suggesting(context: Services, actor: Actor, project_id: int, request: SuggestRequest) -> Job:
    """Start a job that makes suggestions for all images of a project, by the model that it uses now.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not start jobs in it.
        Conflict: it has an unfinished job of this kind.
        InvalidInput: examples that are asked for are not there, or no such detector is.
    """
    with context.database.write() as session:
        project = access_project(session, actor, project_id, Permission.RUN_JOBS)
        payload = _payload(context, session, project_id, key_of(context, project).model_sha256, request)
        job = start_suggest(session, project_id, payload)
    context.suggester.look_again()
    return job


def start_ranking(context: Services, actor: Actor, project_id: int, by: RankBy) -> Job:
    """Start a job that ranks the images of a project by what they would teach the model that it uses now.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not start jobs in it.
        Conflict: it has an unfinished job of this kind.
    """
    with context.database.write() as session:
        project = access_project(session, actor, project_id, Permission.RUN_JOBS)
        payload = SuggestPayload(model_sha256=key_of(context, project).model_sha256, request=Assess(by=by))
        job = start_suggest(session, project_id, payload)
    context.suggester.look_again()
    return job


def list_detectors(context: Services, actor: Actor, project_id: int) -> Sequence[DetectorCard]:
    """The detectors that a project can use with its model, the one that it uses unless told otherwise first.

    Raises:
        NotFound: there is no such project that the actor may see.
        ModelError: the card of one cannot be read.
    """
    with context.database.read() as session:
        project = access_project(session, actor, project_id, Permission.VIEW)
        model_sha256 = key_of(context, project).model_sha256
    return [each.card for each in usable_detectors(context.settings.home, project_id, model_sha256)]


def list_thresholds(context: Services, actor: Actor, project_id: int) -> Sequence[CategoryThreshold]:
    """The least scores of boxes that text detectors find, of each category that people have decided about.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        return _thresholds(session, project_id)


def similar_to_category(context: Services, actor: Actor, project_id: int, name: str) -> Similar:
    """The request for what looks like the objects of a category.

    Raises:
        NotFound: there is no such project that the actor may see.
        InvalidInput: it has no category of this name.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        categories = {category.name: category.id for category in list_categories(session, project_id)}
    if name not in categories:
        raise InvalidInput(f"The project has no category {name!r}.", hint=f"It has: {', '.join(categories) or 'none'}.")
    return Similar(category_id=categories[name])


def _payload(
    context: Services, session: Session, project_id: int, model_sha256: str, request: SuggestRequest
) -> SuggestPayload:
    """What is to be done, with the detector by its weights: another that comes later is not meant."""
    _check_examples(session, project_id, request)
    if isinstance(request, Phrases):
        return _text_payload(context, session, project_id, model_sha256, request)
    if not isinstance(request, Detected):
        return SuggestPayload(model_sha256=model_sha256, request=request)
    try:
        detector = choose_detector(context.settings.home, project_id, model_sha256, request.detector)
    except MissingWeights as error:
        raise InvalidInput(error.message, hint=error.hint) from error
    sha256 = detector.card.weights_sha256
    return SuggestPayload(model_sha256=model_sha256, request=request, detector_sha256=sha256)


def _text_payload(
    context: Services, session: Session, project_id: int, model_sha256: str, request: Phrases
) -> SuggestPayload:
    """What is to be looked for by text; phrases that name categories are known to."""
    phrases = parse_phrases(request.text)
    try:
        detector = choose_text_detector(context.settings.home, request.detector)
    except ModelError as error:  # also that there is none
        raise InvalidInput(error.message, hint=error.hint) from error
    named = {phrase_of(category.name): category.id for category in list_categories(session, project_id)}
    categories = {phrase: named[phrase] for phrase in phrases if phrase in named}
    thresholds: dict[str, float] = {}
    if request.box_threshold is None:
        learned = {
            each.category_id: each.threshold.value
            for each in _thresholds(session, project_id)
            if each.detector == detector and each.threshold.fitted
        }
        thresholds = {phrase: learned[number] for phrase, number in categories.items() if number in learned}
    return SuggestPayload(
        model_sha256=model_sha256,
        request=request,
        text_detector=detector,
        categories=categories,
        box_thresholds=thresholds,
    )


def _thresholds(session: Session, project_id: int) -> list[CategoryThreshold]:
    """Of each detector and category about which somebody has decided, by their names and numbers."""
    decisions: dict[tuple[str, int], list[Decision]] = {}
    for each in phrase_decisions(session, project_id, MOST_DECISIONS):
        decision = Decision(each.confidence, each.accepted)
        decisions.setdefault((each.detector, each.category_id), []).append(decision)
    return [
        CategoryThreshold(detector, category_id, fit_threshold(found, BOX_THRESHOLD))
        for (detector, category_id), found in sorted(decisions.items())
    ]


def _check_examples(session: Session, project_id: int, request: SuggestRequest) -> None:
    if not isinstance(request, Similar):
        return
    found = {each.uid for each in examples_of(session, project_id, request)}
    missing = [str(uid) for uid in request.examples if str(uid) not in found]
    if missing:
        raise InvalidInput(
            f"The project has no objects {', '.join(missing)} that can be examples.",
            hint="Name saved objects of this project that have pixels.",
        )
    if not found:
        raise InvalidInput(
            f"The project has no objects of the category {request.category_id}.",
            hint="Draw at least one, and ask again.",
        )
