"""Imports what ``make_imports.py`` made by the libraries of other tools and compares every mask; see README.md."""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from limner.cli.folders import walk
from limner.config import Settings
from limner.formats.importing import import_files, of_paths
from limner.service.ingest import ingest_image
from limner.service.wiring import open_services
from limner.store.annotations import annotations_of
from limner.store.categories import list_categories
from limner.store.projects import create_project
from limner.vocabulary import rle


def main() -> None:
    """Import every folder into a project of its own; a mask that differs makes the exit status 1."""
    root = Path(sys.argv[1])
    with np.load(root / "expected.npz") as file:
        wanted = dict(zip(("first", "second"), file["masks"], strict=True))
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((*wanted["first"].shape, 3), np.uint8)).save(buffer, "PNG")
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    with tempfile.TemporaryDirectory() as home:
        services = open_services(Settings(home=Path(home)))
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            with services.database.write() as session:
                project_id = create_project(session, folder.name).id
            image_id = ingest_image(services, project_id, "a.png", buffer.getvalue, sha256).image.id
            sources = of_paths((name, path) for path, name in walk(folder, []))
            report = import_files(services.database, project_id, sources)
            with services.database.read() as session:
                names = {category.id: category.name for category in list_categories(session, project_id)}
                states = annotations_of(session, image_id).annotations
                found = {names[state.category_id or 0]: rle.decode(state.segmentation) for state in states}
            if set(found) != set(wanted) or report.skipped:
                raise SystemExit(f"{folder.name}: brings {sorted(found)}, left out {report.skipped}")
            for name, mask in wanted.items():
                if not np.array_equal(mask, found[name]):
                    raise SystemExit(
                        f"{folder.name}: the mask of {name} differs in {(mask ^ found[name]).sum()} pixels"
                    )
            print(f"{folder.name}: read as {report.format}, {len(found)} masks, every pixel the same")
        services.database.close()


if __name__ == "__main__":
    main()
