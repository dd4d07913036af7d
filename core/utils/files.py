"""Reading a file that another process appends to, line by line, without reading it anew.

Pieces of files to take away: CSV, and entries of a zip whose bytes are always the same.

JSON that every reader understands: JSON has no number for NaN and infinity, so they are null.
"""

import csv
import errno
import io
import json
import math
import os
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_OF_ALL_TIMES: Final = (1980, 1, 1, 0, 0, 0)


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as CSV in UTF-8, a line each."""
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows(rows)
    return target.getvalue().encode()


def without_formulas(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def add_to_zip(
    archive: zipfile.ZipFile, name: str, content: bytes, packing: int = zipfile.ZIP_STORED
) -> None:
    """Put an entry into a zip; neither the time nor the machine shows in its bytes."""
    entry = zipfile.ZipInfo(name, date_time=_OF_ALL_TIMES)
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    entry.compress_type = packing
    archive.writestr(entry, content)


def to_json(value: Any, *, ensure_ascii: bool = True) -> str:
    """Write dicts, lists and plain values on one line."""
    return json.dumps(_cleaned(value), allow_nan=False, ensure_ascii=ensure_ascii)


def _cleaned(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    return value


# What numpy raises for a file that is missing, cut off, damaged, or (TypeError) no archive at all.
NPZ_FAULTS = (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REPLACING_S = 1.0


def write_whole(target: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file so that a reader sees the old one or the whole new one, never a part."""
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        Path(draft).chmod(0o644)
        _replace(Path(draft), target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _replace(draft: Path, target: Path) -> None:
    """Put the new file in the old one's place; Windows refuses while a reader has that one open."""
    until = time.monotonic() + REPLACING_S
    while True:
        try:
            draft.replace(target)
        except PermissionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


FINGERPRINT: Final = 256
"""Bytes before the place where reading stopped that are compared to know the file again."""


@dataclass(frozen=True)
class NewLines:
    """Lines that are new and complete. `anew`: the file is another one, so all before is void."""

    lines: tuple[str, ...] = ()
    anew: bool = False


class FileTail:
    """Reads the lines that were appended to a text file since the last time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self._before = b""
        self._stamp: tuple[int, int] | None = None

    def read(self) -> NewLines:
        """The new lines. A last line without its end is left for next time.

        A file that is missing or may not be read has no news. One that became shorter, or holds
        something else where reading stopped, is read from its start.
        """
        try:
            found = self._file.stat()
            stamp = (found.st_size, found.st_mtime_ns)
            if stamp == self._stamp:
                return NewLines()
            known, fresh = self._since()
            anew = not known
            if anew:
                self._offset, self._before = 0, b""
                fresh = self._file.read_bytes()
        except OSError:
            return NewLines()
        self._stamp = stamp
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._before = (self._before + whole)[-FINGERPRINT:]
        # A letter that is no UTF-8 spoils its own line, not those after it.
        return NewLines(tuple(whole.decode("utf-8", "replace").split("\n")[:-1]), anew)

    def _since(self) -> tuple[bool, bytes]:
        """Whether the file is still the one that was read, and all that follows that part."""
        with self._file.open("rb") as file:
            file.seek(self._offset - len(self._before))
            known = file.read(len(self._before)) == self._before
            return known, file.read() if known else b""
