"""Fetching a pinned file: resumes where it broke off, and only exact bytes are accepted."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from limner.atomic import finish, make_folder
from limner.errors import InvalidInput, NoNetwork, NotFound, StorageFull, WrongWeights, is_disk_full

CHUNK = 1 << 20  # bytes
TIMEOUT = 60  # seconds without a byte

Progress = Callable[[int], object]  # told how many bytes are there


def download(
    url: str, target: Path, sha256: str, size: int | None, progress: Progress, by_hand: str | None = None
) -> None:
    """Fetch ``url`` into ``target``; what arrives is kept in ``target`` + ".part" until it is whole and right.

    A connection that breaks is taken up again as long as each attempt brings something.

    Args:
        url: http or https.
        target: the file to make.
        sha256: what the file must hash to.
        size: how long the file must be, in bytes; as long as the server says when None.
        progress: called after each piece.
        by_hand: what somebody can do who has the file from elsewhere, to complete "Or …"; for a model when None.

    Raises:
        NoNetwork: when the server cannot be reached, or breaks off without sending anything new.
        NotFound: when the server does not have the file.
        WrongWeights: when other bytes came; they are deleted.
        StorageFull: when there is no room for it; what has arrived is kept.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise InvalidInput(f"{url} cannot be downloaded.", hint="Only http and https addresses can.")
    make_folder(target.parent)
    part = target.with_name(target.name + ".part")
    if size is None:
        size = _announced_size(url, target, by_hand)
    have = part.stat().st_size if part.exists() else 0
    while have != size:
        if have > size:  # cannot be the beginning of this file
            part.unlink()
            have = 0
        reason = _fetch_from(url, part, have, size, progress)
        now = part.stat().st_size if part.exists() else 0
        if now == have:
            raise _unreachable(url, reason, target, by_hand)
        have = now
    progress(size)
    found = _sha256(part)
    if found != sha256:
        part.unlink()
        raise WrongWeights(
            f"{url} sent other bytes than expected: sha256 {found} instead of {sha256}.",
            hint="The file was deleted. If it happens again, something between here and there changes downloads.",
        )
    finish(part, target)


def _announced_size(url: str, target: Path, by_hand: str | None) -> int:
    """How long the server says that the file is, in bytes; what it sends is not read."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:  # noqa: S310
            length = response.headers.get("Content-Length", "")
    except urllib.error.HTTPError as error:
        raise _not_there(url, error) from error
    except urllib.error.URLError as error:
        raise _unreachable(url, str(error.reason), target, by_hand) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, str(error) or type(error).__name__, target, by_hand) from error
    if not length.isdecimal():
        raise _unreachable(url, "it does not say how long the file is", target, by_hand)
    return int(length)


def _fetch_from(url: str, part: Path, have: int, size: int, progress: Progress) -> str:
    """Append to ``part`` what the server sends from byte ``have`` on; returns why it ended before ``size``."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
            if response.status != 206:  # this server does not resume: from the beginning
                have = 0
            with part.open("r+b" if have else "wb") as file:
                file.seek(have)
                file.truncate()
                while piece := response.read(min(CHUNK, size - have)):
                    file.write(piece)
                    have += len(piece)
                    progress(have)
        return "the connection ended early"
    except urllib.error.HTTPError as error:
        raise _not_there(url, error) from error
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and is_disk_full(error):
            raise StorageFull.of(error) from error
        return str(error) or type(error).__name__


def _not_there(url: str, error: urllib.error.HTTPError) -> NotFound:
    return NotFound(
        f"{url} was answered with {error.code} {error.reason}.", hint="Has the file moved? Try again later."
    )


def _unreachable(url: str, reason: str, target: Path, by_hand: str | None) -> NoNetwork:
    of_model = (
        f"fetch {url} on a machine with internet, bring {target.name} here, and run: limner models add {target.name}"
    )
    return NoNetwork(
        f"no network: {urlsplit(url).hostname} could not be reached ({reason}).",
        hint=f"Try again later: it goes on where it stopped. Or {by_hand or of_model}",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
