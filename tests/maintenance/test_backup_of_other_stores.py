"""`limner backup` and `limner restore` where blobs lie in S3 (a real server of its protocol, moto) or elsewhere."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import obstore
import pytest
from obstore.store import from_url

from limner.atomic import SUFFIX
from limner.blobs import BlobStore
from limner.cli.backup import backup, restore
from limner.config import Settings
from limner.errors import Conflict, InvalidFile, Unavailable
from limner.maintenance.check import check
from limner.maintenance.manifest import read_digests, read_manifest
from limner.maintenance.restore import restore as put_back
from limner.maintenance.restore_blobs import MARK
from limner.service.wiring import Services
from limner.store import Database
from tests.api.running import Server
from tests.maintenance.load import EDITS, MASKS, Load, rows, run, tree
from tests.s3 import environment, make_bucket, s3_server


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket that the environment leads to."""
    for name, value in environment(s3_endpoint).items():
        monkeypatch.setenv(name, value)
    return f"s3://{make_bucket(s3_endpoint)}"


def digests(store: BlobStore) -> dict[str, str]:
    """SHA-256 of everything in a store."""
    return {name: hashlib.sha256(store.get(name)).hexdigest() for name in store.names()}


def faults(home: Path, store: BlobStore) -> list[object]:
    """What `limner check --thorough` finds."""
    database = Database(f"sqlite:///{home / 'limner.db'}")
    try:
        return list(check(database, store, thorough=True, max_pixels=10**8))
    finally:
        database.close()


def test_blobs_in_s3_are_backed_up_under_load_and_restored_into_another_prefix(
    settings: Settings, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"blob_url": f"{bucket}/live"})
    monkeypatch.setenv("LIMNER_BLOB_URL", settings.blob_url)
    server = Server(settings)
    try:
        load = Load(server.client, savers=3)
        try:
            load.more(8)
            saved, uploaded = set(load.saved), set(load.uploaded)
            assert run(backup, tmp_path / "backup", "--home", settings.home)[0] == 0
            load.more(4)
        finally:
            load.stop()
    finally:
        server.end(signal.SIGTERM)

    monkeypatch.setenv("LIMNER_BLOB_URL", f"{bucket}/restored")
    home = tmp_path / "restored"
    status, output = run(restore, tmp_path / "backup", "--home", home)
    assert (status, f"{bucket}/restored" in output) == (0, True)
    assert not (home / "blobs").exists()
    live, restored = BlobStore(f"{bucket}/live"), BlobStore(f"{bucket}/restored")
    stored = digests(restored)
    listed = read_digests(tmp_path / "backup", read_manifest(tmp_path / "backup"))
    assert stored == {name[6:]: digest for name, digest in listed.items() if name.startswith("blobs/")}
    assert stored.items() <= digests(live).items()
    assert faults(home, restored) == []
    last = {image: revision for image, revision, *_ in rows(home, EDITS)}
    assert rows(home, EDITS) == [edit for edit in rows(settings.home, EDITS) if edit[1] <= last.get(edit[0], 0)]
    assert saved <= {uid for uid, *_ in rows(home, MASKS)}
    assert uploaded <= {sha256 for (sha256,) in rows(home, "SELECT sha256 FROM images")}


def test_a_backup_goes_from_a_folder_into_s3_and_back(
    filled: Services, made: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_BLOB_URL", f"{bucket}/deep/prefix")
    run(restore, made, "--home", tmp_path / "in-s3")
    assert run(backup, tmp_path / "again", "--home", tmp_path / "in-s3")[0] == 0
    monkeypatch.delenv("LIMNER_BLOB_URL")
    run(restore, tmp_path / "again", "--home", tmp_path / "back")
    assert tree(tmp_path / "back" / "blobs") == tree(filled.settings.home / "blobs")


def occupied_by_a_blob(store: BlobStore) -> None:
    store.put("images/ab/abcd", b"theirs")


def occupied_by_something_else(store: BlobStore) -> None:
    if store.folder is not None:
        (store.folder / "notes of mine.txt").write_bytes(b"theirs")
    else:
        obstore.put(from_url(store.url, client_options={"allow_http": True}), "notes of mine.txt", b"theirs")


def occupied_by_another_backup(store: BlobStore) -> None:
    store.put("images/ab/abcd", b"theirs")
    store.put(MARK, b"of another installation")


@pytest.mark.parametrize("kind", ["s3", "folder"])
@pytest.mark.parametrize(
    ("occupy", "what"),
    [
        (occupied_by_a_blob, "occupied: it has images/ab/abcd"),
        (occupied_by_something_else, "occupied: it has notes of mine.txt"),
        (occupied_by_another_backup, "part of another backup"),
    ],
)
def test_a_store_with_anything_in_it_is_refused_before_anything_is_written(
    made: Path,
    bucket: str,
    tmp_path: Path,
    kind: str,
    occupy: Callable[[BlobStore], None],
    what: str,
) -> None:
    url = f"{bucket}/taken" if kind == "s3" else str(tmp_path / "taken")
    store = BlobStore(url)
    occupy(store)
    before = dict.fromkeys(store.names(), True)
    with pytest.raises(Conflict, match=what):
        put_back(made, Settings(home=tmp_path / "restored", model="samlet", blob_url=url))
    assert dict.fromkeys(store.names(), True) == before
    assert not (tmp_path / "restored").exists()


def test_where_the_live_blobs_are_nothing_is_restored(made: Path, filled: Services, tmp_path: Path) -> None:
    """Even though all of them are in the backup: two installations must not sweep one store."""
    blobs = filled.settings.home / "blobs"
    before = tree(blobs)
    with pytest.raises(Conflict, match="occupied"):
        put_back(made, Settings(home=tmp_path / "restored", model="samlet", blob_url=str(blobs)))
    assert tree(blobs) == before


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_does_not_exist_is_said_before_anything_is_written(made: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="bucket does not exist"):
        put_back(made, Settings(home=tmp_path / "restored", model="samlet", blob_url="s3://nobody-made-this/x"))
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_a_restore_that_is_cut_off_is_gone_on_with(
    made: Path, filled: Services, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    url = f"{bucket}/half" if kind == "s3" else str(tmp_path / "half")
    settings = Settings(home=tmp_path / "restored", model="samlet", blob_url=url)
    real, written = BlobStore.put, []

    def put(store: BlobStore, key: str, data: bytes | Path, *, replace: bool = False) -> bool:
        if len(written) == 3:
            raise Unavailable("The blob store does not answer.")
        written.append(key)
        return real(store, key, data, replace=replace)

    with monkeypatch.context() as patch:
        patch.setattr(BlobStore, "put", put)
        with pytest.raises(Unavailable):
            put_back(made, settings)
    store = BlobStore(url)
    assert set(written) == set(store.names())
    assert not settings.home.exists()
    assert not list(tmp_path.glob(f".*{SUFFIX}"))
    damaged = next(key for key in written if key != MARK)
    store.put(damaged, bytes(store.size(damaged) or 0), replace=True)

    put_back(made, settings)
    assert digests(store) == tree(filled.settings.home / "blobs")
    assert faults(settings.home, store) == []


def test_a_folder_in_the_home_under_another_name_comes_with_the_home(
    made: Path, filled: Services, tmp_path: Path
) -> None:
    home = tmp_path / "restored"
    put_back(made, Settings(home=home, model="samlet", blob_url=f"{home}/../restored/store/of blobs"))
    assert tree(home / "store" / "of blobs") == tree(filled.settings.home / "blobs")


def test_a_damaged_backup_leaves_no_folder_for_blobs(made: Path, tmp_path: Path) -> None:
    next(made.glob("blobs/images/*/*")).unlink()
    with pytest.raises(InvalidFile, match="damaged"):
        put_back(made, Settings(home=tmp_path / "restored", model="samlet", blob_url=str(tmp_path / "elsewhere")))
    assert not (tmp_path / "elsewhere").exists()
