"""The tables of permissions as text: the docs and ``limner user roles`` print what the code holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

from limner.access.permissions import (
    INSTALLATION_WIDE,
    OF_SHARED_FIGURES,
    PROJECT_ROLE_PERMISSIONS,
    ROLE_PERMISSIONS,
    SCOPE_PERMISSIONS,
    InstallationRole,
    Permission,
)
from limner.access.transitions import TRANSITIONS
from limner.vocabulary.states import ImageState

Grants = Mapping[str, frozenset[Permission]]


def roles_table() -> str:
    """Which role may do what, as Markdown: roles in the installation, then those in a project."""
    wide: Grants = {role.value: granted for role, granted in ROLE_PERMISSIONS.items()}
    inside: Grants = {"owner": ROLE_PERMISSIONS[InstallationRole.OWNER]} | {
        role.value: granted for role, granted in PROJECT_ROLE_PERMISSIONS.items()
    }
    return "\n\n".join(
        (
            _table("in the installation", [each for each in Permission if each in INSTALLATION_WIDE], wide),
            _table("in a project", [each for each in Permission if each not in INSTALLATION_WIDE], inside, _inside),
        )
    )


def transitions_table() -> str:
    """Who may mark an image as what, as Markdown: a row for each state before, a column for each after."""
    states: tuple[ImageState, ...] = get_args(ImageState)
    head = f"| an image that is … may become | {' | '.join(states)} |"
    lines = [head, f"|---|{':-:|' * len(states)}"]
    for before in states:
        cells = (TRANSITIONS.get((before, after)) for after in states)
        lines.append(f"| {before} | {' | '.join(f'`{cell.value}`' if cell else '–' for cell in cells)} |")
    return "\n".join(lines)


def scopes_table() -> str:
    """What a token of each scope may be used for at most, as Markdown."""
    columns = {scope.value: granted for scope, granted in SCOPE_PERMISSIONS.items()}
    return _table("a token of the scope", list(Permission), columns)


def _plain(permission: Permission, granted: frozenset[Permission]) -> str:
    return "yes" if permission in granted else "–"


def _inside(permission: Permission, granted: frozenset[Permission]) -> str:
    """As :func:`_plain`, or under which condition a project grants it to who has all this in it."""
    shared = permission in OF_SHARED_FIGURES - granted and Permission.ANNOTATE in granted
    return "if shared" if shared else _plain(permission, granted)


def _table(
    title: str,
    rows: list[Permission],
    columns: Grants,
    cell: Callable[[Permission, frozenset[Permission]], str] = _plain,
) -> str:
    lines = [f"| {title} | {' | '.join(columns)} |", f"|---|{':-:|' * len(columns)}"]
    for permission in rows:
        marks = " | ".join(cell(permission, granted) for granted in columns.values())
        lines.append(f"| `{permission.value}` | {marks} |")
    return "\n".join(lines)
