"""Blobs in a folder and in S3 (a real S3 protocol server, moto): one behaviour."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from limner import atomic, blobs
from limner.blobs import BlobStore
from limner.errors import InvalidInput, NotFound, StorageFull, Unavailable
from tests.s3 import KEYS, environment, make_bucket, s3_server


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return BlobStore(str(tmp_path / "blobs"))
    return _s3(request.getfixturevalue("s3_endpoint"))


def _s3(endpoint: str) -> BlobStore:
    return BlobStore(
        f"s3://{make_bucket(endpoint)}/prefix",
        config={**KEYS, "endpoint": endpoint, "aws_region": "us-east-1"},
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


def test_a_link_that_leads_nowhere_counts_as_none_and_is_replaced(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path / "blobs"))
    (tmp_path / "blobs/images/ab").mkdir(parents=True)
    (tmp_path / "blobs/images/ab/abcd").symlink_to(tmp_path / "another disk" / "abcd")
    assert store.find("images/ab/abcd") is None
    assert store.put("images/ab/abcd", b"bytes") is True
    assert store.get("images/ab/abcd") == b"bytes"


def test_a_read_from_s3_is_one_round_trip(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _s3(s3_endpoint)
    store.put("images/ab/abcd", b"x" * 3_000_000)
    asked: list[str] = []
    for name in ("get", "head", "get_range", "list"):
        real = getattr(blobs.obstore, name)
        monkeypatch.setattr(blobs.obstore, name, lambda *a, _n=name, _r=real, **k: asked.append(_n) or _r(*a, **k))
    blob = store.open("images/ab/abcd")
    assert (blob.size, blob.head(3), len(blob.read())) == (3_000_000, b"xxx", 3_000_000)
    assert asked == ["get"]


def test_a_store_that_is_away_is_said_to_be_so() -> None:
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
        lambda: store.head("images/41/416403404", 1),
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


@pytest.mark.parametrize(
    "url", ["ftp://x", "nonsense://x/y", "s3://", "s3:///prefix", "s3:/bucket/prefix", "memory://", "http://["]
)
def test_a_url_that_is_none_is_said(url: str) -> None:
    with pytest.raises(InvalidInput, match="LIMNER_BLOB_URL"):
        BlobStore(url)


def test_an_endpoint_without_tls_is_named_in_the_environment_alone(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As MinIO in a network of one's own is: nothing else has to be set."""
    for name, value in environment(s3_endpoint).items():
        monkeypatch.setenv(name, value)
    store = BlobStore(f"s3://{make_bucket(s3_endpoint)}/prefix")
    assert store.put("images/ab/abcd", b"bytes") is True
    assert store.get("images/ab/abcd") == b"bytes"


ATTEMPTS: dict[str, Callable[[BlobStore], object]] = {
    "find": lambda store: store.find("images/ab/abcd"),
    "head": lambda store: store.head("images/ab/abcd", 1),
    "put": lambda store: store.put("images/ab/abcd", b"bytes"),
    "replace": lambda store: store.put("images/ab/abcd", b"bytes", replace=True),
    "list": lambda store: list(store.list()),
    "folders": lambda store: store.folders("images"),
    "delete": lambda store: store.delete("images/ab/abcd"),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_bucket_that_does_not_exist_is_not_taken_for_an_empty_one(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, attempt: str
) -> None:
    for name, value in environment(s3_endpoint).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable, match=r"bucket does not exist.*LIMNER_BLOB_URL"):
        ATTEMPTS[attempt](BlobStore("s3://a-bucket-that-nobody-made/prefix"))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_credentials_that_are_refused_are_said_to_be_so(monkeypatch: pytest.MonkeyPatch, attempt: str) -> None:
    with s3_server() as endpoint:
        bucket = make_bucket(endpoint)
        for name, value in environment(endpoint).items():
            monkeypatch.setenv(name, value)
        try:
            httpx.post(f"{endpoint}/moto-api/reset-auth", content="0")  # from now on signatures count
            with pytest.raises(Unavailable, match=r"refuses these credentials.*AWS_ACCESS_KEY_ID"):
                ATTEMPTS[attempt](BlobStore(f"s3://{bucket}/prefix"))
        finally:
            httpx.post(f"{endpoint}/moto-api/reset-auth", content="inf")


def test_the_store_says_when_a_blob_was_written(store: BlobStore) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)  # S3 has whole seconds
    for key in ("models/a", "models/b/c", "others/d"):
        store.put(key, b"content")
    written = dict(store.times("models"))
    assert set(written) == {"models/a", "models/b/c"}
    assert all(began <= time <= datetime.now(UTC) for time in written.values())
    store.put("models/a", b"content")
    assert dict(store.times("models")) == written, "nothing was written"
