"""Hosts on this machine: network namespaces on a switch, each with an address, a cable that can be pulled, and no way
to each other but through it. They share the machine's files and processors, and nothing of its loopback device.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import pytest

NETWORK = "10.{}.{}.{}"  # of numbers of this process, so that tests may run side by side


@dataclass(frozen=True)
class Host:
    """One of them.

    Attributes:
        name: of its network namespace, and the beginning of the names of its cable's ends.
        address: of it, on the switch.
    """

    name: str
    address: str

    @property
    def prefix(self) -> list[str]:
        """What stands before a command that is to run there."""
        return ["ip", "netns", "exec", self.name]

    def unplug(self) -> None:
        """Pull the cable: nothing comes or goes, and nobody is told."""
        _ip("link", "set", f"{self.name}s", "down")

    def plug(self) -> None:
        """Put it back."""
        _ip("link", "set", f"{self.name}s", "up")


@dataclass(frozen=True)
class Network:
    """Several hosts, and the address of this machine among them."""

    address: str
    hosts: tuple[Host, ...]


def _can_be_made() -> bool:
    """Whether this machine lets us make hosts: needs iproute2 and the rights of root."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"lp{os.getpid() % 100_000}"
    try:
        _ip("link", "add", name, "type", "bridge")
        _ip("netns", "add", name)
        _ip("link", "add", f"{name}s", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("netns", "exec", name, "true")
    except subprocess.CalledProcessError:
        return False
    finally:
        _remove("netns", "delete", name)
        _remove("link", "delete", name)
    return True


@contextmanager
def network(count: int) -> Iterator[Network]:
    """So many hosts on one switch. The test is skipped where none can be made."""
    if not _can_be_made():
        pytest.skip("no hosts can be made here: that takes iproute2 and the rights of root")
    number = os.getpid()
    name = f"l{number % 1_000_000}"
    high, low = 200 + number // 250 % 50, number % 250
    ours = NETWORK.format(high, low, 1)
    hosts = tuple(Host(f"{name}h{k}", NETWORK.format(high, low, k + 2)) for k in range(count))
    with ExitStack() as stack:
        _ip("link", "add", name, "type", "bridge")
        stack.callback(_remove, "link", "delete", name)
        _ip("address", "add", f"{ours}/24", "dev", name)
        _ip("link", "set", name, "up")
        for host in hosts:
            _ip("netns", "add", host.name)
            stack.callback(_remove, "netns", "delete", host.name)
            _ip("link", "add", f"{host.name}s", "type", "veth", "peer", "name", "eth0", "netns", host.name)
            _ip("link", "set", f"{host.name}s", "master", name, "up")
            for words in (["link", "set", "lo", "up"], ["link", "set", "eth0", "up"]):
                _ip("-n", host.name, *words)
            _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
        yield Network(ours, hosts)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _remove(*words: str) -> None:
    with suppress(subprocess.CalledProcessError):
        _ip(*words)
