"""Memory of the web process after large photos: what it keeps, and what it needed at its peak."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from limner.bench.harness import progress, result
from limner.bench.memory import ResultWithMemory
from limner.bench.served import Served, served
from limner.encoding.images import decode_image, display_bytes, thumbnail_bytes

PHOTOS, PHOTO = 48, (6000, 4000)  # width, height: 24 megapixels
LARGE_PHOTOS, LARGE_PHOTO = 5, (12_000, 8_333)  # 100 megapixels
AT_ONCE = 4  # uploads
KEPT_GOAL_MB = 250.0  # of the web process when all are through
MAX_PIXELS = 10**8
COMMENT = b"\xff\xfe"  # marker of a comment in a JPEG


def run(photos: int = PHOTOS, large: int = LARGE_PHOTOS) -> Iterator[ResultWithMemory]:
    """Both series; each in a server of its own."""
    for count, size in ((photos, PHOTO), (large, LARGE_PHOTO)):
        if count:
            yield _series(count, size)


def _series(count: int, size: tuple[int, int]) -> ResultWithMemory:
    megapixels = size[0] * size[1] / 1e6
    progress(f"Uploading {count} photos of {megapixels:.0f} MP")
    photo = jpeg(size)
    alone = [_milliseconds(photo) for _ in range(min(3, count))]
    with served(max_pixels=MAX_PIXELS) as server:
        project = server.new_project("Bench")
        idle = server.resident_mb()

        def upload(number: int) -> float:
            started = time.perf_counter()
            server.upload(project, f"{number}.jpg", variant(photo, number))
            return (time.perf_counter() - started) * 1000

        with ThreadPoolExecutor(AT_ONCE) as pool:
            times = list(pool.map(upload, range(count)))
        kept, peak = _settled(server), server.resident_mb("VmHWM")
    compared = result(
        f"{count} photos of {megapixels:.0f} MP",
        (f"upload, {AT_ONCE} at once", times, None),
        ("decode and encode one, alone", alone, None),
        f"resident MB of the web process: {idle:.0f} before, {peak:.0f} at the peak, {kept:.0f} after",
    )
    ratio = round(kept / KEPT_GOAL_MB, 4)
    return ResultWithMemory(**vars(compared), subject_mb=kept, reference_mb=KEPT_GOAL_MB, memory_ratio=ratio)


def _settled(server: Served) -> float:
    """What it keeps once threads have let go of their last image."""
    time.sleep(1.0)
    return server.resident_mb()


def jpeg(size: tuple[int, int]) -> bytes:
    """A JPEG with as much detail as a photo has."""
    noise = np.random.default_rng(0).integers(0, 255, (size[1] // 8, size[0] // 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def variant(photo: bytes, number: int) -> bytes:
    """The same picture in other bytes."""
    text = str(number).encode()
    return photo[:2] + COMMENT + (len(text) + 2).to_bytes(2, "big") + text + photo[2:]


def _milliseconds(photo: bytes) -> float:
    started = time.perf_counter()
    decoded = decode_image(photo, max_pixels=MAX_PIXELS)
    display_bytes(photo, decoded)
    thumbnail_bytes(decoded)
    return (time.perf_counter() - started) * 1000
