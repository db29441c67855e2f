"""An installation with one provider, which the tests start and have say what they want."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from limner.config import Settings
from limner.service.running import stop
from limner.service.wiring import Services, open_services
from tests.api.conftest import FAKE_WORKER
from tests.provider import SECRET, FakeProvider, provider


@pytest.fixture
def company() -> Iterator[FakeProvider]:
    with provider() as made:
        yield made


@pytest.fixture
def rules() -> str:
    """More lines of the provider's table; tests that need some override it by a mark."""
    return ""


@pytest.fixture
def services(settings: Settings, company: FakeProvider, rules: str) -> Iterator[Services]:
    """An installation with one provider; ``@pytest.mark.parametrize("rules", …)`` adds lines to its table."""
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / "secret").write_text(SECRET + "\n")
    settings.default_oidc_file.write_text(
        f"""
        [company]
        label = "Company"
        issuer = "{company.issuer}"
        client_id = "limner"
        client_secret_file = "{settings.home / "secret"}"
        {rules}
        """
    )
    services = open_services(settings, encoder_command=FAKE_WORKER)
    yield services
    stop(services)
