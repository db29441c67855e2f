"""One request to an address that somebody named, and no further.

Names are resolved once, and what was looked at then is connected to. Addresses of this machine and of private networks
are refused before a packet goes there, so that nobody reaches through the server what only the server can reach.
Redirects are answers like others; proxies of the environment are not asked.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from limner.errors import InvalidInput

TIMEOUT = 10.0  # s, for one step
PATIENCE = 30.0  # s, for all of it: who answers a byte at a time is cut off
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # whose last 32 bits are an address of IPv4


class AddressRefused(InvalidInput):
    """The address is none outside: it belongs to this machine or to a private network."""

    code = "address_refused"


class NotDelivered(Exception):
    """Nothing, or nothing that can be understood, was answered."""


def check_url(url: str) -> None:
    """Make sure that an address can be asked at all; nothing is resolved.

    Raises:
        InvalidInput: it is none of http or https, or has a name and password in it.
    """
    hint = "Give an address like https://example.org/hook."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"The address cannot be read: {error}.", hint=hint) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InvalidInput("The address is none of http or https with a host.", hint=hint)
    if parts.username is not None or parts.fragment:
        raise InvalidInput("The address has a name, a password or a # in it.", hint=hint)
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput("The address has characters that none has.", hint=f"{hint} Encode others as %XX.")


def is_outside(address: str) -> bool:
    """Whether an IP address is one of the public Internet, also where it carries one of IPv4 in it."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is None and found.teredo is not None:
            inner = found.teredo[1]
        if inner is not None:
            return is_outside(str(inner))
    return found.is_global and not found.is_multicast


@dataclass(frozen=True)
class Reply:
    """What was answered: the status, where it points, and as much of its body as was asked for."""

    status: int
    location: str
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False) -> int:
    """Send a body; the status of the answer, whose own body is not read.

    Args:
        url: that :func:`check_url` has passed.
        body: what is sent.
        headers: besides those that HTTP needs.
        private: addresses of this machine and of private networks are allowed.

    Raises:
        AddressRefused: the name leads to such an address.
        NotDelivered: nobody is there, or what answers is no HTTP.
    """
    return ask("POST", url, body, headers, private=private).status


def ask(
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    private: bool = False,
    most: int = 0,
    patience: float = PATIENCE,
) -> Reply:
    """One request, and what is answered.

    Args:
        method: of HTTP.
        url: that :func:`check_url` has passed.
        body: what is sent, if anything.
        headers: besides those that HTTP needs.
        private: addresses of this machine and of private networks are allowed.
        most: bytes of the answer's body that are read; a longer one is an error. 0: it is not read.
        patience: seconds for all of it.

    Raises:
        AddressRefused: the name leads to such an address.
        NotDelivered: nobody is there, what answers is no HTTP, or it says too much.
    """
    check_url(url)
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    port = parts.port or (443 if secure else 80)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    with closing(connection):
        try:
            connection.sock = _connect(host, port, private=private, timeout=min(TIMEOUT, patience))
            if secure:
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(
                    connection.sock, server_hostname=host, do_handshake_on_connect=False
                )
            end = threading.Timer(patience, _cut_off, [connection.sock])
            end.start()
            try:
                if isinstance(connection.sock, ssl.SSLSocket):
                    connection.sock.do_handshake()
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request(method, target, body, {**headers, "Connection": "close"})
                answer = connection.getresponse()
                said = answer.read(most + 1) if most else b""
            finally:
                end.cancel()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
    if len(said) > most:
        raise NotDelivered(f"the answer is longer than {most} bytes")
    return Reply(answer.status, answer.headers.get("Location", ""), said)


def _connect(host: str, port: int, *, private: bool, timeout: float) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    refused = [each[4][0] for each in found if not private and not is_outside(str(each[4][0]))]
    if refused:  # also where others are outside: which one is asked must not be left to chance
        raise AddressRefused(
            f"{host} is {refused[0]}, an address of this machine or of a private network.",
            hint="Webhooks go to public addresses; LIMNER_WEBHOOKS_TO_PRIVATE=true allows others.",
        )
    last: OSError | None = None
    for family, kind, protocol, _, address in found:
        connected = socket.socket(family, kind, protocol)
        connected.settimeout(timeout)
        try:
            connected.connect(address)
        except OSError as error:
            last = error
            connected.close()
        else:
            return connected
    raise last or OSError("the name has no address")


def _cut_off(connected: socket.socket) -> None:
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)
