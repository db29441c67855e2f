"""Passwords: what is strong enough, and the hash that is kept (scrypt, by werkzeug)."""

from __future__ import annotations

import unicodedata

from werkzeug.security import check_password_hash, generate_password_hash

from limner.errors import InvalidInput
from limner.vocabulary.counted import counted

MIN_CHARACTERS = 12
MAX_CHARACTERS = 200
MIN_SCORE = 3  # of zxcvbn's 0 to 4: "safely unguessable", more than 10^8 guesses
EXAMINED = 72  # characters; zxcvbn takes time that grows with the square
METHOD = "scrypt:32768:8:1"  # 32 MiB and about 60 ms
# Of random characters that nobody knows; made once, since every start of the server would wait for it.
NOBODYS = (
    "scrypt:32768:8:1$pKLjydjbOEy7kKhC$05ff4664590098e8fda633c67b13df5558bcee49731232"
    "873dccc5b6f64b88ec8b8d77df398f39d8f1b28e27cd2262eb2bae8dfc0fdf568b5be9392867be3139"
)


class WeakPassword(InvalidInput):
    """The password could be guessed."""

    code = "weak_password"


def hash_password(password: str, *, name: str) -> str:
    """What is kept of a new password.

    Args:
        password: as it was typed.
        name: of the person, which the password should not be made of.

    Raises:
        WeakPassword: it is too short, too long, or could be guessed.
    """
    password = _normal(password)
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise WeakPassword(
            f"The password has {counted(len(password), 'character')}.",
            hint=f"Take {MIN_CHARACTERS} to {MAX_CHARACTERS}, such as four words that have nothing in common.",
        )
    from zxcvbn import zxcvbn  # 12 MB of words, for the moment when somebody sets a password

    found = zxcvbn(password[:EXAMINED], user_inputs=["limner", name, *name.split()])
    if found["score"] < MIN_SCORE:
        said = [found["feedback"]["warning"], *found["feedback"]["suggestions"]]
        raise WeakPassword(
            "The password could be guessed.",
            hint=" ".join(filter(None, said)) or "Take words that have nothing to do with each other.",
        )
    return generate_password_hash(password, METHOD)


def is_password(stored: str | None, password: str) -> bool:
    """Whether a password is the one of which a hash is kept. Takes as long when none is kept, so that nobody learns."""
    matches = check_password_hash(stored or NOBODYS, _normal(password[: 2 * MAX_CHARACTERS]))
    return matches and stored is not None


def _normal(password: str) -> str:
    """One form of what keyboards of different systems give."""
    return unicodedata.normalize("NFC", password)
