"""The documents name what is there."""

import re
from pathlib import Path

from tests.e2e.pictures import FOLDER, PICTURES

ROOT = Path(__file__).parents[1]
DOCUMENTS = (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md"))
LINK = re.compile(
    r"\]\((?!\w+:|#)([^)#\s]+)(?:#[^)]*)?\)|<img src=\"([^\"]+)\""
)  # not to other sites, not within the page
MOST_BYTES = 2_000_000  # of all pictures that are made of the product


def linked(document: Path) -> set[Path]:
    """Files that a document links to or shows."""
    return {(document.parent / (link or shown)).resolve() for link, shown in LINK.findall(document.read_text())}


def test_every_file_and_picture_that_documents_link_to_exists() -> None:
    links = {(document.name, target) for document in DOCUMENTS for target in linked(document)}
    assert len(links) >= 50
    assert sorted((name, str(target)) for name, target in links if not target.exists()) == []


def test_every_picture_that_is_made_of_the_product_is_shown_and_all_of_them_are_small() -> None:
    made = [FOLDER / f"{name}.jpg" for name in PICTURES]
    shown = {target for document in DOCUMENTS for target in linked(document)}
    assert [picture.name for picture in made if picture.resolve() not in shown] == []
    assert sum(picture.stat().st_size for picture in made) < MOST_BYTES


def test_no_document_has_marks_of_an_unfinished_merge() -> None:
    marks = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
    assert [str(document) for document in DOCUMENTS if marks.search(document.read_text())] == []


def test_every_path_in_contributing_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:server|web|tests|docs)/[\w./-]+|[A-Z]+\.md)`", text)
    assert len(paths) >= 15
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_make_target_in_contributing_exists() -> None:
    targets = re.findall(r"\bmake ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text())
    defined = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert set(targets) <= set(defined)


def test_the_tables_of_permissions_in_the_docs_are_those_of_the_code() -> None:
    """After a change: `limner user roles`, into docs/people.md."""
    from limner.access.printing import roles_table, scopes_table, transitions_table

    text = (ROOT / "docs" / "people.md").read_text()
    tables = "\n\n".join((roles_table(), scopes_table(), transitions_table()))
    assert f"<!-- table: limner user roles -->\n{tables}\n<!-- end of table -->" in text


def test_no_document_has_both_sides_of_a_merge() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(documents) >= 15
    sides = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
    assert [path.name for path in documents if sides.search(path.read_text())] == []
