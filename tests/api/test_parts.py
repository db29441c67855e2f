"""Parts of an upload, as they lie in their temporary file."""

from __future__ import annotations

import hashlib
import tracemalloc

from limner.api.uploads import IN_MEMORY_BYTES, PartStore


def test_each_part_is_read_from_where_one_stands_to_its_own_end() -> None:
    store = PartStore(None)
    first = store.new()
    first.write(b"abc")
    first.write(b"def")
    second = store.new()
    second.write(b"ghi")
    first.seek(2)
    assert [first.read(1), first.read(), first.read()] == [b"c", b"def", b""]
    second.seek(0)
    assert second.read() == b"ghi"
    assert first.sha256 == hashlib.sha256(b"abcdef").hexdigest()
    first.close()
    second.close()


def test_a_large_part_is_read_in_one_block_of_memory() -> None:
    store = PartStore(None)
    part = store.new()
    size = 2 * IN_MEMORY_BYTES
    part.write(bytes(size))
    part.seek(0)
    tracemalloc.start()
    try:
        data = part.read()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) == size
    assert peak < 1.5 * size  # pieces that are joined take twice as much
    part.close()
