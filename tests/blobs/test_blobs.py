"""Blobs in a folder and in S3 (a real S3 protocol server, moto): one behaviour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from limner import blobs
from limner.blobs import BlobStore
from limner.errors import InvalidInput, NotFound


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
    endpoint = request.getfixturevalue("s3_endpoint")
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
    assert store.put("images/ab/abcd", b"second") is False
    assert store.get("images/ab/abcd") == b"first"
    assert store.size("images/ab/abcd") == 5


def test_a_missing_blob_is_named(store: BlobStore) -> None:
    assert store.exists("images/no/thing") is False
    with pytest.raises(NotFound, match="images/no/thing"):
        store.get("images/no/thing")
    with pytest.raises(NotFound):
        store.stream("images/no/thing")
    store.delete("images/no/thing")


def test_files_and_large_blobs_stream(store: BlobStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 12_000
    (tmp_path / "upload").write_bytes(content)
    assert store.put("big", tmp_path / "upload") is True
    chunks = list(store.stream("big"))
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
