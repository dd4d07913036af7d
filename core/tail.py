"""Reading a file that another process appends to, line by line, without reading it anew."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FINGERPRINT: Final = 256
"""Bytes before the place where reading stopped that are compared to know the file again."""


@dataclass(frozen=True)
class News:
    """Lines that are new and complete. `anew`: the file is another one, so all before is void."""

    lines: tuple[str, ...] = ()
    anew: bool = False


class Tail:
    """Reads the lines that were appended to a text file since the last time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self._before = b""
        self._stamp: tuple[int, int] | None = None

    def read(self) -> News:
        """The new lines. A last line without its end is left for next time.

        A file that is missing or may not be read has no news. One that became shorter, or holds
        something else where reading stopped, is read from its start.
        """
        try:
            found = self._file.stat()
            stamp = (found.st_size, found.st_mtime_ns)
            if stamp == self._stamp:
                return News()
            known, fresh = self._since()
            anew = not known
            if anew:
                self._offset, self._before = 0, b""
                fresh = self._file.read_bytes()
        except OSError:
            return News()
        self._stamp = stamp
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._before = (self._before + whole)[-FINGERPRINT:]
        # A letter that is no UTF-8 spoils its own line, not those after it.
        return News(tuple(whole.decode("utf-8", "replace").split("\n")[:-1]), anew)

    def _since(self) -> tuple[bool, bytes]:
        """Whether the file is still the one that was read, and all that follows that part."""
        with self._file.open("rb") as file:
            file.seek(self._offset - len(self._before))
            known = file.read(len(self._before)) == self._before
            return known, file.read() if known else b""
