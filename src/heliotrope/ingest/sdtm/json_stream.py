"""Read JSON piece by piece: members of an object, elements of a list, one held at a time."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any

from heliotrope.errors import Found, UserError

_BLOCK = 1 << 20
# One row or description of this size holds nothing that is read here.
_LONGEST_VALUE = 256 << 20
_BLANK = " \t\r\n"


class JsonStream:
    """JSON that is read from a stream of bytes (UTF-8) as far as it is asked for.

    Numbers keep their digits: they are given as text. ``said`` tells where the reading stands, for
    an error. Errors: text that is no JSON or ends too early: UserError.
    """

    def __init__(self, stream: IO[bytes], place: str) -> None:
        """Begin at the first byte."""
        self._stream = stream
        self._place = place
        self._text = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._decoder = json.JSONDecoder(parse_float=str, parse_int=str)
        self._buffer, self._at, self._is_end = "", 0, False
        self.said = "the beginning"

    def peek(self) -> str:
        """Return the next character that is no blank; an empty text at the end."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._fill():
                return ""

    def value(self) -> Any:
        """Take the next value whole."""
        self.peek()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._buffer, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                if isinstance(error, RecursionError) or not self._grow():
                    raise self._broken(str(error)) from None
                continue
            # a number at the very end of what is held may go on
            if end == len(self._buffer) and self._grow():
                continue
            self._at = end
            return found

    def members(self) -> Iterator[str]:
        """Give the name of each member of an object; its value is to be taken before the next.

        A value that is no object, such as null, has none.
        """
        if self.peek() != "{":
            self.value()
            return
        self._at += 1
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise self._broken("a name that is no text")
            self._expect(":")
            yield name
            if not self._go_on("}"):
                return

    def elements(self) -> Iterator[Any]:
        """Give the elements of a list one after another; a value that is no list has none."""
        if self.peek() != "[":
            self.value()
            return
        self._at += 1
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield self.value()
            if not self._go_on("]"):
                return

    def _go_on(self, close: str) -> bool:
        """Take a comma, or the sign that closes; say whether there is more."""
        sign = self.peek()
        if sign not in (",", close):
            raise self._broken(f"{sign!r} where a comma belongs")
        self._at += 1
        return sign == ","

    def _expect(self, sign: str) -> None:
        if self.peek() != sign:
            raise self._broken(f"no {sign!r} behind a name")
        self._at += 1

    def _fill(self, size: int = _BLOCK) -> bool:
        """Hold another block, what was taken is let go; say whether there was one."""
        if self._is_end:
            return False
        block = self._stream.read(size)
        self._is_end = not block
        self._buffer = self._buffer[self._at :] + self._text.decode(block, final=self._is_end)
        self._at = 0
        return bool(block)

    def _grow(self) -> bool:
        """Hold more of a value that is not whole: as much again, so that few attempts are made."""
        held = len(self._buffer) - self._at
        if held > _LONGEST_VALUE:
            raise self._broken(f"a value of more than {_LONGEST_VALUE:,} characters")
        return self._fill(max(_BLOCK, held))

    def _broken(self, why: str) -> UserError:
        return UserError(
            "JSON that is whole",
            Found(f"{why}; behind {self.said}", self._place),
            "the file may have been cut off: export or copy it again",
        )
