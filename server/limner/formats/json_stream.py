"""Reading large JSON objects piece by piece: the elements of their arrays one at a time, in bounded memory."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Collection, Iterator
from typing import IO, Any, NoReturn

from limner.errors import InvalidFile

CHUNK_BYTES = 1 << 18
DELIMITERS = tuple(" \t\r\n,]}")  # what must follow a number; otherwise it may go on in the next chunk
MAX_ELEMENT = 1 << 23  # characters, four times the longest RLE that is kept; objects take up to 30 bytes for each


def iterate_arrays(file: IO[bytes], names: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The elements of the arrays with these names at the top level of a JSON object, in the order of the file.

    Args:
        file: UTF-8 text, read from its present position on.
        names: of the arrays; everything else is skipped.

    Yields:
        (name of the array, element).

    Raises:
        InvalidFile: when the text is not a JSON object, is cut, holds NaN or infinity, or one of ``names`` is no array.
    """
    text = _Text(file)
    text.expect("{", "The file is not a JSON object.")
    if text.peek() == "}":
        text.skip()
    else:
        while True:
            key = text.value()
            if not isinstance(key, str):
                text.fail("The file is not valid JSON: a name was expected")
            text.expect(":", "The file is not valid JSON: ':' was expected")
            if key in names:
                for element in _elements(text, repr(key)):
                    yield key, element
            else:
                _pass_over(text)
            if text.comma_or("}"):
                break
    if text.peek():
        text.fail("The file goes on after its JSON object ended")


def iterate_list(file: IO[bytes]) -> Iterator[Any]:
    """The elements of a JSON list.

    Raises:
        InvalidFile: as :func:`iterate_arrays`, when it is no list, or an element is larger.
    """
    text = _Text(file)
    yield from _elements(text, "The file")
    if text.peek():
        text.fail("The file goes on after its list ended")


def _elements(text: _Text, name: str) -> Iterator[Any]:
    text.expect("[", f"{name} is not a list")
    if text.peek() == "]":
        text.skip()
        return
    while True:
        yield text.value()
        if text.comma_or("]"):
            return


def _pass_over(text: _Text) -> None:
    """Step over a value that nobody asked for; lists and objects piece by piece, since they may be of any length."""
    opening = text.peek()
    if opening not in ("[", "{") or not opening:
        text.value()
        return
    closing = "]" if opening == "[" else "}"
    text.skip()
    if text.peek() == closing:
        text.skip()
        return
    while True:
        if opening == "{":
            if not isinstance(text.value(), str):
                text.fail("The file is not valid JSON: a name was expected")
            text.expect(":", "The file is not valid JSON: ':' was expected")
        text.value()
        if text.comma_or(closing):
            return


class _Text:
    """A window on the text of a file, moving forwards."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=self._refuse_constant, parse_float=self._finite)
        self._buffer = ""
        self._position = 0  # in the buffer
        self._dropped = 0  # characters before the buffer
        self._ended = False

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            while self._position < len(self._buffer) and self._buffer[self._position] in " \t\r\n":
                self._position += 1
            if self._position < len(self._buffer) or not self._read():
                return self._buffer[self._position : self._position + 1]

    def skip(self) -> None:
        """Step over one character."""
        self._position += 1

    def expect(self, character: str, complaint: str) -> None:
        """Step over this character, or refuse the file."""
        if self.peek() != character:
            self.fail(complaint)
        self.skip()

    def comma_or(self, end: str) -> bool:
        """Step over a comma, or over ``end``; True when it was the latter."""
        found = self.peek()
        if found not in (",", end) or not found:
            self.fail(f"The file is not valid JSON: ',' or {end!r} was expected")
        self.skip()
        return found == end

    def value(self) -> Any:
        """The next JSON value."""
        self.peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._buffer, self._position)
            except json.JSONDecodeError as error:
                if len(self._buffer) - self._position > MAX_ELEMENT:
                    self.fail(f"The file holds a value of more than {MAX_ELEMENT:,} characters")
                if not self._read():
                    self._position = error.pos
                    self.fail(f"The file is not valid JSON: {error.msg}")
            except RecursionError:
                self.fail("The file is nested too deeply")
            except ValueError as error:  # Python refuses to read numbers of thousands of digits
                self.fail(f"The file holds a number that cannot be read: {error}")
            else:
                if not isinstance(value, int | float) or self._buffer[end : end + 1] in DELIMITERS or not self._read():
                    self._position = end
                    return value

    def fail(self, complaint: str) -> NoReturn:
        """Refuse the file, naming the place."""
        place = self._dropped + self._position
        at = "at its end" if self._ended and self._position >= len(self._buffer) else f"at character {place}"
        raise InvalidFile(f"{complaint.rstrip('.')}, {at}.", hint="Send the whole file, as JSON in UTF-8.") from None

    def _read(self) -> bool:
        """Bring more text into the window: at least as much as is waiting, so that large values stay cheap."""
        if self._ended:
            return False
        waiting = self._buffer[self._position :]
        chunk = self._file.read(max(CHUNK_BYTES, min(len(waiting), MAX_ELEMENT - len(waiting))))
        self._ended = not chunk
        try:
            text = self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError:
            self.fail("The file is not text in UTF-8")
        self._dropped += self._position
        self._buffer, self._position = waiting + text, 0
        return True

    def _finite(self, digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            self.fail(f"The file contains {digits}, which is too large for a number")
        return number

    def _refuse_constant(self, name: str) -> NoReturn:
        self.fail(f"The file contains {name}, which is not JSON")
