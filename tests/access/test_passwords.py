"""What is kept of passwords."""

from __future__ import annotations

import pytest

from limner.access import passwords
from limner.access.passwords import NOBODYS, hash_password, is_password

PASSWORD = "violet anchors hum quietly"


def test_a_hash_takes_32_mib_and_tells_its_password_from_others(
    method_of_passwords: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As people's are made; the other tests make theirs in fewer rounds."""
    monkeypatch.setattr(passwords, "METHOD", method_of_passwords)
    kept = hash_password(PASSWORD, name="Ada")
    assert kept.startswith("scrypt:32768:8:1$")
    assert is_password(kept, PASSWORD)
    assert not is_password(kept, PASSWORD + ".")
    assert kept != hash_password(PASSWORD, name="Ada"), "each has a salt of its own"


def test_who_has_no_password_is_compared_with_a_hash_that_takes_as_long(method_of_passwords: str) -> None:
    assert NOBODYS.startswith(f"{method_of_passwords}$")
    assert not is_password(None, PASSWORD)
