"""How far people agree on images that several worked on: figures of a project, by pair of people and by category."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_project, count_measured
from limner.quality.agreement import cohens_kappa, krippendorffs_alpha
from limner.quality.consensus import group
from limner.quality.overlap import Agreement, Sums, agreement
from limner.service.csv_lines import csv_lines
from limner.service.wiring import Services
from limner.store.agreement import Pair, pairs_of, shared_images
from limner.store.categories import list_categories
from limner.store.images import file_names_of
from limner.store.names import names_of_users
from limner.store.overlap import count_states
from limner.vocabulary.names import NO_CATEGORY, NOBODY

COLUMNS = (
    "image_id",
    "file_name",
    "first",
    "second",
    "matched",
    "only_first",
    "only_second",
    "quality",
    "mask_iou",
    "boundary_iou",
    "same_category",
)


@dataclass(frozen=True)
class PairFigures:
    """How two people agree; ``kappa`` is Cohen's, of the categories of what both marked."""

    first: str
    second: str
    agreement: Agreement
    kappa: float | None


@dataclass(frozen=True)
class CategoryFigures:
    """How far people agree on masks of one category; number 0 stands for none."""

    category_id: int
    name: str
    agreement: Agreement


@dataclass(frozen=True)
class Summary:
    """How far people agree in a project.

    Attributes:
        states: images of the sample, by how far they are (``states.OverlapState``).
        annotators: how many people can be handed such images.
        everybody: over all pairs of people.
        alpha: Krippendorff's, of the categories that people gave to the same things; None: it is not defined.
        pairs: by names.
        categories: that on which people agree least first.
    """

    states: Mapping[str, int]
    annotators: int
    everybody: Agreement
    alpha: float | None
    pairs: Sequence[PairFigures]
    categories: Sequence[CategoryFigures]


@dataclass(frozen=True)
class ComparedImage:
    """An image on which several people work or worked; ``quality``: None until two of them can be compared."""

    image_id: int
    file_name: str
    overlap: str
    answers: int
    quality: float | None


def summary(context: Services, actor: Actor, project_id: int) -> Summary:
    """How far people agree in a project, over all, by pair of people, and by category.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not see what others did.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.READ_STATISTICS)
        pairs = pairs_of(session, project_id)
        names = _names(session, pairs)
        categories = {each.id: each.name for each in list_categories(session, project_id)}
        states, annotators = count_states(session, project_id), count_measured(session, project_id)
    return Summary(
        states,
        annotators,
        agreement(list(_by_image(pairs).values())),
        krippendorffs_alpha(_units(pairs)),
        _by_people(pairs, names),
        _by_category(pairs, categories),
    )


def images(context: Services, actor: Actor, project_id: int) -> Sequence[ComparedImage]:
    """Images to which people have answered or that they have begun: those to be settled first, of these those on which
    people agree least; then those that are worked on, then those that are settled, likewise.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not review there.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.REVIEW)
        shared = shared_images(session, project_id)
        sums = _by_image(pairs_of(session, project_id))
    order = {"ready": 0, "begun": 1, "settled": 2}
    found = [
        ComparedImage(each.image_id, each.file_name, each.overlap, each.answers, sums[each.image_id].quality)
        for each in shared
        if each.answers or each.overlap != "settled"  # what was drawn on itself before anybody answered was not shared
    ]
    return sorted(found, key=lambda each: (order[each.overlap], _last_if_none(each.quality), each.image_id))


def table(context: Services, actor: Actor, project_id: int) -> Iterator[str]:
    """How every two people compare on every image, as CSV.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not see what others did.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.READ_STATISTICS)
        pairs = pairs_of(session, project_id)
        names = _names(session, pairs)
        files = file_names_of(session, {each.image_id for each in pairs})
    rows = []
    for each in pairs:
        found, sums = each.compared, _by_image([each])[each.image_id]
        matched = len(found.matches)
        rows.append(
            (
                each.image_id,
                files.get(each.image_id, ""),
                names.get(each.first_user_id, NOBODY),
                names.get(each.second_user_id, NOBODY),
                matched,
                len(found.only_first),
                len(found.only_second),
                sums.quality,
                sums.mask_iou / matched if matched else None,
                sums.boundary_iou / matched if matched else None,
                sums.same,
            )
        )
    return csv_lines(COLUMNS, rows)


def _names(session: Session, pairs: Sequence[Pair]) -> Mapping[int, str]:
    return names_of_users(session, [user for each in pairs for user in (each.first_user_id, each.second_user_id)])


def _by_image(pairs: Iterable[Pair]) -> Mapping[int, Sums]:
    found: dict[int, Sums] = defaultdict(Sums)
    for each in pairs:
        found[each.image_id].add(each.compared)
    return found


def _by_people(pairs: Sequence[Pair], names: Mapping[int, str]) -> Sequence[PairFigures]:
    of_two: dict[tuple[int, int], list[Pair]] = defaultdict(list)
    for each in pairs:
        of_two[each.first_user_id, each.second_user_id].append(each)
    found = []
    for (first, second), theirs in of_two.items():
        said = [(one.first_category, one.second_category) for each in theirs for one in each.compared.matches]
        figures = agreement(list(_by_image(theirs).values()))
        found.append(PairFigures(names.get(first, NOBODY), names.get(second, NOBODY), figures, cohens_kappa(said)))
    return sorted(found, key=lambda each: (each.first.casefold(), each.second.casefold()))


def _by_category(pairs: Sequence[Pair], names: Mapping[int, str]) -> Sequence[CategoryFigures]:
    sums: dict[int | None, dict[int, Sums]] = defaultdict(lambda: defaultdict(Sums))
    for each in pairs:
        for category in each.compared.categories:
            sums[category][each.image_id].add(each.compared.of_category(category))
    found = [
        CategoryFigures(category or 0, names.get(category or 0, NO_CATEGORY), agreement(list(of.values())))
        for category, of in sums.items()
    ]
    return sorted(found, key=lambda each: (_last_if_none(each.agreement.quality.value), each.name.casefold()))


def _units(pairs: Sequence[Pair]) -> Sequence[Sequence[int | None]]:
    """The categories that people gave to each thing that at least two of them marked."""
    by_image: dict[int, list[Pair]] = defaultdict(list)
    for each in pairs:
        by_image[each.image_id].append(each)
    units = []
    for of_image in by_image.values():
        maker: dict[int, int] = {}
        category: dict[int, int | None] = {}
        matches = []
        for each in of_image:
            for one in each.compared.matches:
                maker |= {one.first: each.first_user_id, one.second: each.second_user_id}
                category |= {one.first: one.first_category, one.second: one.second_category}
                matches.append((one.first, one.second, one.mask_iou))
        units += [[category[number] for number in thing] for thing in group(matches, maker)]
    return units


def _last_if_none(value: float | None) -> float:
    return 2.0 if value is None else value
