"""What a server does with the services behind the application: open, announce, close."""

from __future__ import annotations

from collections.abc import Callable

from limner.api.uploads import remove_old_uploads
from limner.config import Settings
from limner.service.accounts import create_link, open_accounts
from limner.service.wiring import Services, open_services

Announce = Callable[[str, str], None]  # takes the server's address and a fresh sign-in link


def sign_in_link(settings: Settings, address: str) -> str:
    """A fresh link that signs the local administrator in once; brings the database up to date first."""
    with open_accounts(settings) as database:
        return f"{address}/login#token={create_link(database)}"


def address_of(host: str, port: int) -> str:
    """The address to open in a browser on this machine."""
    shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104  # compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def start_services(settings: Settings) -> Services:
    """Open everything and start the encoder, which goes on with the jobs that were running."""
    services = open_services(settings)
    remove_old_uploads(settings.home)
    services.events.start()
    services.encoder.start()
    services.sweeper.start()
    return services


def stop_services(services: Services) -> None:
    """End the streams and the encoder, close the database."""
    services.events.close()
    services.encoder.stop()
    services.sweeper.stop()
    services.database.close()
