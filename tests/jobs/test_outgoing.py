"""One request to an address that somebody named goes there and no further."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from limner.jobs.outgoing import AddressRefused, NotDelivered, is_outside, post
from tests.receiver import receiving


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_no_address_of_a_private_network_is_outside(address: str) -> None:
    assert not is_outside(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_public_addresses_are_outside(address: str) -> None:
    assert is_outside(address)


def test_a_name_is_resolved_once_and_that_address_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers otherwise the second time leads nowhere else; one private address among others refuses."""
    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        asked: list[str] = []
        inside = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))
        answers: list[Any] = [inside]

        def resolve(host: str, *_: object, **__: object) -> list[Any]:
            asked.append(host)
            return answers

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        assert post(f"http://rebinding.example:{port}/", b"{}", {}, private=True) == 200
        assert asked == ["rebinding.example"]
        assert receiver.got[0][0]["host"] == f"rebinding.example:{port}"
        answers[:] = [public, inside]
        with pytest.raises(AddressRefused):
            post(f"http://rebinding.example:{port}/", b"{}", {})
        assert len(receiver.got) == 1


def test_who_is_not_there_or_speaks_no_http_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            connected, _ = listener.accept()
            with connected:
                connected.recv(1000)
                connected.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotDelivered, match="BadStatusLine"):
            post(f"http://127.0.0.1:{port}/", b"{}", {}, private=True)
        thread.join()
    with pytest.raises(NotDelivered, match="ConnectionRefused"):
        post(f"http://127.0.0.1:{port}/", b"{}", {}, private=True)
