"""The documents for contributors name what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
