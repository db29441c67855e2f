"""Blobs in a folder and in S3 (a real S3 protocol server, moto): one behaviour."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from limner import atomic, blobs
from limner.blobs import BlobStore
from limner.errors import InvalidInput, NotFound, StorageFull, Unavailable


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return BlobStore(str(tmp_path / "blobs"))
    return _s3(request.getfixturevalue("s3_endpoint"), tmp_path)


def _s3(endpoint: str, tmp_path: Path) -> BlobStore:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys).create_bucket(
        Bucket=f"limner-{abs(hash(tmp_path)):x}"
    )
    return BlobStore(
        f"s3://limner-{abs(hash(tmp_path)):x}/prefix",
        config={**keys, "endpoint": endpoint, "aws_region": "us-east-1"},
        client_options={"allow_http": True},
    )


def test_a_blob_is_written_once(store: BlobStore) -> None:
    assert store.put("images/ab/abcd", b"first") is True
    assert store.put("images/ab/abcd", b"other") is False
    assert store.get("images/ab/abcd") == b"first"
    assert store.size("images/ab/abcd") == 5


def test_a_missing_blob_is_named(store: BlobStore) -> None:
    assert store.exists("images/no/thing") is False
    with pytest.raises(NotFound, match="images/no/thing"):
        store.get("images/no/thing")
    with pytest.raises(NotFound):
        store.open("images/no/thing")
    store.delete("images/no/thing")


def test_files_and_large_blobs_stream(store: BlobStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 12_000
    (tmp_path / "upload").write_bytes(content)
    assert store.put("big", tmp_path / "upload") is True
    chunks = list(store.open("big").chunks())
    assert b"".join(chunks) == content
    assert len(chunks) > 1
    store.delete("big")
    assert not store.exists("big")


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../b", "a//b", "", "a b", ".hidden", "a/..", "a\\b", "a/"])
def test_keys_cannot_climb_out(store: BlobStore, key: str) -> None:
    with pytest.raises(InvalidInput, match="not a usable blob key"):
        store.put(key, b"")


def test_keys_separate_models_and_preprocessing() -> None:
    keys = {
        blobs.embedding_key("a" * 64, "b" * 64, 1),
        blobs.embedding_key("a" * 64, "b" * 64, 2),
        blobs.embedding_key("a" * 64, "c" * 64, 1),
        blobs.embedding_key("a" * 64, "b" * 64, 1, "i8"),
    }
    assert len(keys) == 4


def test_an_empty_blob_counts_as_none_and_one_of_another_size_is_replaced(store: BlobStore) -> None:
    """What a power loss leaves of a file that was never synced."""
    store.put("images/ab/abcd", b"", replace=True)
    assert store.find("images/ab/abcd") is None
    assert store.head("images/ab/abcd", 10) is None
    with pytest.raises(NotFound, match="again"):
        store.open("images/ab/abcd")
    assert store.put("images/ab/abcd", b"whole") is True
    store.put("images/ab/abcd", b"whol", replace=True)
    assert store.put("images/ab/abcd", b"whole") is True
    assert store.get("images/ab/abcd") == b"whole"
    assert store.head("images/ab/abcd", 2) == (b"wh", 5)
    assert store.open("images/ab/abcd").head(2) == b"wh"
    assert list(store.list("images")) == [("images/ab/abcd", 5)]


def test_a_read_from_s3_is_one_round_trip(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _s3(s3_endpoint, tmp_path)
    store.put("images/ab/abcd", b"x" * 3_000_000)
    asked: list[str] = []
    for name in ("get", "head", "get_range", "list"):
        real = getattr(blobs.obstore, name)
        monkeypatch.setattr(blobs.obstore, name, lambda *a, _n=name, _r=real, **k: asked.append(_n) or _r(*a, **k))
    blob = store.open("images/ab/abcd")
    assert (blob.size, blob.head(3), len(blob.read())) == (3_000_000, b"xxx", 3_000_000)
    assert asked == ["get"]


def test_a_store_that_is_away_is_said_to_be_so(tmp_path: Path) -> None:
    store = BlobStore(
        "s3://nothing/prefix",
        config={
            "aws_access_key_id": "x",
            "aws_secret_access_key": "x",
            "endpoint": "http://127.0.0.1:9",
            "aws_region": "x",
        },
        client_options={"allow_http": True},
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
    )
    for attempt in (
        lambda: store.get("a"),
        lambda: store.put("a", b"x"),
        lambda: store.head("a", 1),
        lambda: list(store.list()),
    ):
        with pytest.raises(Unavailable, match="does not answer"):
            attempt()


def test_a_blob_is_on_the_disk_before_anybody_hears_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    store = BlobStore(str(tmp_path / "blobs"))
    store.put("images/ab/abcd", b"bytes")
    files = [path for path in synced if path.endswith(".partial")]
    assert len(files) == 1, "the content, before it gets its name"
    after = synced[synced.index(files[0]) :]
    assert str(tmp_path / "blobs/images/ab") in after, "the name"
    assert {str(tmp_path), str(tmp_path / "blobs"), str(tmp_path / "blobs/images")} <= set(synced), "new folders' names"


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_disk_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int, step: str
) -> None:
    store = BlobStore(str(tmp_path / "blobs"))
    store.put("images/ab/other", b"bytes")

    def fail(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(os, "fsync", fail)
        else:
            patch.setattr(atomic, "_fill", fail)
        with pytest.raises(StorageFull):
            store.put("images/ab/abcd", b"bytes")
    assert [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == ["other"]
    assert store.put("images/ab/abcd", b"bytes") is True


@pytest.mark.parametrize("url", ["ftp://x", "nonsense://x/y", "s3://", "http://["])
def test_a_url_that_is_none_is_said(url: str) -> None:
    with pytest.raises(InvalidInput, match="LIMNER_BLOB_URL"):
        BlobStore(url)
