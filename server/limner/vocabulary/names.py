"""Names as they are kept: file names as relative paths, names of categories as one line; both in Unicode's form NFC.

The same letters may be encoded in two ways (``é`` as one character or as two: macOS and Linux differ), which look alike
and compare as different. Everything that stores or compares a name goes through here first.
"""

from __future__ import annotations

import re
import unicodedata

from limner.errors import InvalidInput
from limner.vocabulary.counted import counted

NOBODY = "somebody who is not known"  # in place of a name, for who reads figures
NO_CATEGORY = "no category"
MAX_PART_BYTES = 255  # of a file's or folder's own name: the limit of ext4, XFS, APFS and NTFS
MAX_PATH = 1024  # characters of the whole relative path
MAX_TEXT = 255  # characters of a category's name
MAX_TAG = 64  # characters of an image's tag
SHOWN = 80  # characters of a name in a message

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # also those of C1, which terminals obey, and ends of lines
MISLEADING = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # turn around what stands beside them
_DRIVE = re.compile(r"[A-Za-z]:")


def clean_file_name(name: str | None) -> str:
    """A file name as a relative path in NFC, ``/`` between its parts.

    Folders are kept. Roots, drives and servers' slashes, ``.``, ``..`` and control characters are not:
    ``//nas/scans/x.png`` becomes ``nas/scans/x.png``.

    Raises:
        InvalidInput: when nothing usable is left, it is not Unicode, or longer than files can be called.
    """
    given = name or ""
    if any("\ud800" <= character <= "\udfff" for character in given):
        raise InvalidInput(
            f"The file name {shown(given)} is not valid UTF-8.", hint="Rename the file, then add it again."
        )
    parts = unicodedata.normalize("NFC", CONTROL.sub("", given)).replace("\\", "/").split("/")
    parts = [part for part in parts if part not in ("", ".", "..")]
    if len(parts) > 1 and parts[0] == "?":  # Windows' long form: \\?\C:\…
        parts = parts[1:]
    if parts and _DRIVE.fullmatch(parts[0]):
        parts = parts[1:]
    if not parts:
        raise InvalidInput("The file has no usable name.", hint="Send a file name in the form field.")
    for part in parts:
        size = len(part.encode())
        if size > MAX_PART_BYTES:
            raise InvalidInput(
                f"The file name {shown(part)} is {len(part)} characters and {size} bytes long.",
                hint=f"A file or folder can have a name of at most {MAX_PART_BYTES} bytes in UTF-8.",
            )
    path = "/".join(parts)
    if len(path) > MAX_PATH:
        raise InvalidInput(
            f"The path {shown(path)} is {len(path)} characters long.", hint=f"At most {MAX_PATH} are kept."
        )
    return path


def folder_of(name: str) -> str:
    """``a/b/c.png`` -> ``a/b``; empty for a file that is in none."""
    return name.rpartition("/")[0]


def clean_folder(path: str) -> str:
    """A folder as the beginning of file names, cleaned as :func:`clean_file_name` does; empty: in no folder.

    Raises:
        InvalidInput: as :func:`clean_file_name`.
    """
    return folder_of(clean_file_name(f"{path}/x"))


def in_folder(name: str, folder: str) -> str:
    """``a/b.png``, ``c/d`` -> ``c/d/b.png``: the last part of a file name, in a folder of :func:`clean_folder`.

    Raises:
        InvalidInput: the path would be longer than :data:`MAX_PATH`.
    """
    last = name.rpartition("/")[2]
    path = f"{folder}/{last}" if folder else last
    if len(path) > MAX_PATH:
        raise InvalidInput(
            "In that folder the path would be too long.",
            hint=f"Choose a shorter one: a path has at most {MAX_PATH} characters.",
        )
    return path


def distinct_file_name(name: str, number: int) -> str:
    """``folder/a.png``, 2 -> ``folder/a-2.png``; a stem that is too long for the number is cut."""
    folder, slash, last = name.rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    if not stem:
        stem, dot, suffix = last, "", ""
    end = f"-{number}{dot}{suffix}"
    if len(end.encode()) >= MAX_PART_BYTES:  # a suffix that is none
        stem, end = last, f"-{number}"
    room = min(MAX_PART_BYTES - len(end.encode()), MAX_PATH - len(folder + slash + end))
    return folder + slash + cut_to_bytes(stem, room) + end


def cut_to_bytes(text: str, limit: int) -> str:
    """The longest beginning of a text that takes at most ``limit`` bytes in UTF-8."""
    return text.encode()[:limit].decode(errors="ignore")


def one_line(text: str) -> str:
    """A text in NFC with every stretch of white space as one space, none at the ends."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def folded(text: str) -> str:
    """What names of people are compared by: equal for those that differ in capitals, or in how letters are encoded.

    Databases do not agree on this: SQLite knows no capitals but A to Z, PostgreSQL those of its locale.
    """
    return unicodedata.normalize("NFC", one_line(text).casefold())


def check_text(text: str, what: str) -> str:
    """Make sure that a name, of a category for example, is one that can be kept, in the form of :func:`one_line`.

    Args:
        text: the name.
        what: it is called in messages, such as "category name".

    Returns:
        The name, unchanged.

    Raises:
        InvalidInput: when it is empty, too long, has control characters or is not Unicode.
    """
    if not text or len(text) > MAX_TEXT:
        raise InvalidInput(
            f"The {what} {shown(text)} has {counted(len(text), 'character')}.", hint=f"Give 1 to {MAX_TEXT}."
        )
    if CONTROL.search(text) or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput(
            f"The {what} {shown(text)} has characters that cannot be kept.",
            hint="Use one line of Unicode text without tabs, line breaks and other control characters.",
        )
    return text


def clean_tag(text: str) -> str:
    """A tag as it is kept: one line in NFC.

    Raises:
        InvalidInput: when it is empty, longer than :data:`MAX_TAG`, has control characters or is not Unicode.
    """
    tag = one_line(text)
    if len(tag) > MAX_TAG:
        raise InvalidInput(
            f"The tag {shown(tag)} has {len(tag)} characters.", hint=f"A tag is a word or a few: give 1 to {MAX_TAG}."
        )
    return check_text(tag, "tag")


def shown(value: object) -> str:
    """A value in a message: quoted, cut when it is long, bytes that are no UTF-8 escaped."""
    text = repr(value) if not isinstance(value, str) else f"'{printable(value)}'"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def printable(text: str) -> str:
    """A text in which line breaks, other control characters, half surrogates and marks of direction are escaped.

    After a mark of direction the rest of a line may be shown backwards: ``photo\u202egpj.exe`` as ``photoexe.jpg``.
    """
    readable = text.encode(errors="surrogateescape") if _is_escaped(text) else text.encode(errors="backslashreplace")
    decoded = readable.decode(errors="backslashreplace")
    return MISLEADING.sub(_escaped, CONTROL.sub(_escaped, decoded))


def _escaped(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()


def _is_escaped(text: str) -> bool:
    """Whether the half surrogates of a text, if any, are bytes that the operating system gave."""
    return all("\udc80" <= c <= "\udcff" for c in text if "\ud800" <= c <= "\udfff")
