"""How many files this process may have open at once, and what is said when none is left.

Sockets, databases, blobs and what is being uploaded all count. Where none is left, whatever is asked for fails in its
own words: a connection that is not accepted, SQLite's "unable to open database file", a temporary file.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time

from limner.errors import Unavailable

FEWEST = 256  # with which a server can serve
USUAL = 4096  # enough for all that one process takes on
AGAIN_AFTER = 60.0  # s, before it is said once more that none is left
RAISE = f"Allow more: `ulimit -n {USUAL}`, or LimitNOFILE={USUAL} in a systemd unit."

_SQLITE_OPENS = (10, 14)  # SQLITE_IOERR and SQLITE_CANTOPEN, by the primary result code
_lock = threading.Lock()
_said_at: float | None = None


def limit() -> int | None:
    """How many files this process may have open at once; None where there is no such number."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_limit(wanted: int) -> int | None:
    """Have the system allow ``wanted`` files, or as many as it lets this user have; the limit afterwards."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return limit()


def require() -> None:
    """Make sure that a server can serve with what it may open.

    Raises:
        Unavailable: it is too little.
    """
    allowed = raise_limit(FEWEST)
    if allowed is not None and allowed < FEWEST:
        raise Unavailable(
            f"This process may have {allowed} files open at once, and a server needs at least {FEWEST}.", hint=RAISE
        )


def ran_out(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is that no further file can be opened.

    SQLite does not say why it could not open one: whether any can be opened now is tried.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        original = getattr(error, "orig", error)  # of SQLAlchemy's
        if type(original).__module__ == "sqlite3":  # which takes a while to import, and files
            code = getattr(original, "sqlite_errorcode", 0) & 0xFF
            return code in _SQLITE_OPENS and none_left()
        error = error.__cause__ or error.__context__
    return False


def none_left() -> bool:
    """Whether no further file can be opened now."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def unavailable() -> Unavailable:
    """What to tell who asked for something."""
    return Unavailable(
        "The server has as many files open as it may.", hint="Nothing was stored; try again in a moment."
    )


def message() -> str:
    """What to tell who runs the server."""
    allowed = limit()
    most = "" if allowed is None else f" This process may have {allowed} open at once."
    return f"No further file or connection can be opened.{most} {RAISE}"


def is_news() -> bool:
    """Whether it is time to say that no file is left: the first time, and when a minute has gone by."""
    global _said_at
    with _lock:
        now = time.monotonic()
        if _said_at is not None and now < _said_at + AGAIN_AFTER:
            return False
        _said_at = now
        return True
