"""XML files of other tools: without document types and entities, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring, iterparse

from limner.errors import InvalidFile
from limner.formats.importing.sources import SourceFile

MAX_WHOLE = 4 << 20  # bytes of a document that is read as a whole: a million elements take 150 MB
MAX_PART = 16 << 20  # bytes of one child of the root
MAX_ELEMENTS = 200_000  # of one child of the root


def read_xml(file: SourceFile) -> Element:
    """The root of a small document.

    Raises:
        InvalidFile: when it is larger, no well-formed XML, or declares entities.
    """
    data = file.read(MAX_WHOLE)
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise _refused("It", error) from error
    return root


def iterate_xml(file: SourceFile, opened: IO[bytes]) -> Iterator[tuple[str, Element]]:
    """Elements of a document of any length: ("start", element) and ("end", element).

    Whoever goes through them clears the root whenever one of its children has ended.

    Args:
        file: for messages.
        opened: the file, at its beginning.

    Raises:
        InvalidFile: when it is no well-formed XML, declares entities, or a child of its root is too large.
    """
    bounded = _Bounded(opened, file.shown)
    depth = elements = 0
    events = iterparse(bounded, events=("start", "end"), forbid_dtd=True)
    while True:
        try:
            event, element = next(events)
        except StopIteration:
            return
        except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
            raise _refused(file.shown, error) from error
        depth += 1 if event == "start" else -1
        elements += event == "start"
        if elements > MAX_ELEMENTS:
            raise InvalidFile(
                f"{file.shown} has more than {MAX_ELEMENTS:,} elements in one.", hint="Export it in parts."
            )
        yield event, element
        if depth <= 1:
            elements = 0
            bounded.rest()


def _refused(name: str, error: Exception) -> InvalidFile:
    if isinstance(error, DefusedXmlException):
        return InvalidFile(f"{name} declares a document type or entities.", hint="Remove <!DOCTYPE …>.")
    if isinstance(error, ParseError):
        return InvalidFile(f"{name} is not well-formed XML: {error}.", hint="Write it again.")
    return InvalidFile(f"{name} is in an encoding that is not read.", hint="Write it again, in UTF-8.")


class _Bounded:
    """A file of which only so much is read without a child of the root ending: that has to fit into memory."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size if size > 0 else 1 << 16)
        self._read += len(data)
        if self._read > MAX_PART:
            raise InvalidFile(
                f"{self._name} has an element of more than {MAX_PART >> 20} MiB.", hint="Export it in parts."
            )
        return data

    def rest(self) -> None:
        """A child of the root has ended."""
        self._read = 0
