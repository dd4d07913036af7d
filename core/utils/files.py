"""Files: CSV, zip entries and JSON to write, atomic replacement, and following a growing file.

What is written depends on its content alone: a zip entry carries no time stamp, and JSON, which has
no NaN or infinity, gets null in their place.
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

_FORMULA_STARTS: Final = tuple("=+-@\t\r\n＝＋－＠")
_FIXED_TIME: Final = (1980, 1, 1, 0, 0, 0)


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    r"""Write rows as CSV in UTF-8, one line each.

    Example:
        >>> csv_bytes([("digit", "count"), (7, 1028)])
        b'digit,count\n7,1028\n'
    """
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows(rows)
    return target.getvalue().encode()


def without_formulas(text: str) -> str:
    """Quote a text that a spreadsheet would take for a formula (OWASP, "CSV Injection").

    Example:
        >>> without_formulas("=SUM(A1)"), without_formulas("seven")
        ("'=SUM(A1)", 'seven')
    """
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def add_to_zip(
    archive: zipfile.ZipFile, name: str, content: bytes, packing: int = zipfile.ZIP_STORED
) -> None:
    """Add an entry whose bytes depend on neither the time nor the machine.

    Args:
        archive: A zip that is open for writing.
        name: The entry's path in the archive.
        content: The entry's bytes.
        packing: A compression of `zipfile`.
    """
    entry = zipfile.ZipInfo(name, date_time=_FIXED_TIME)
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    entry.compress_type = packing
    archive.writestr(entry, content)


def to_json(value: Any, *, ensure_ascii: bool = True) -> str:
    """Serialize dicts, lists and plain values on one line; NaN and infinity become null.

    Example:
        >>> to_json({"loss": float("nan"), "epoch": 2})
        '{"loss": null, "epoch": 2}'
    """
    return json.dumps(_cleaned(value), allow_nan=False, ensure_ascii=ensure_ascii)


def _cleaned(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    return value


# What NumPy raises for a file that is missing, cut off, damaged, or (TypeError) no archive at all.
NPZ_ERRORS = (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REPLACING_S = 1.0


def is_folder(path: Path) -> bool:
    """Whether a path is a folder, and one that may be looked at.

    Args:
        path: Any path, also one with a name that no file can have.

    Returns:
        False where the system refuses to say.
    """
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no permission to look at it; a name that no file can have
        return False


def file_stamp(file: Path) -> tuple[int, ...]:
    """Numbers that change whenever a file does: what was read of it is valid while they are equal.

    A file that is written whole is a new one (st_ino); new permissions show in st_ctime_ns.

    Raises:
        OSError: it is missing, or may not be looked at.
    """
    status = file.stat()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def write_atomically(target: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file so that a reader sees the old one or the whole new one, never a part.

    Args:
        target: The file to write or to replace; its folder must exist.
        write: Writes the content to the binary file that it is given.

    Raises:
        OSError: The system refuses. The old file is left as it was.
    """
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        Path(draft).chmod(0o644)
        replace_file(Path(draft), target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def replace_file(draft: Path, target: Path) -> None:
    """Replace the old file; Windows refuses while a reader has it open, so try for a while."""
    deadline = time.monotonic() + REPLACING_S
    while True:
        try:
            draft.replace(target)
        except PermissionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


_FINGERPRINT: Final = 256
"""Bytes before the end of the last read; if they are still there, the file is the same one."""


@dataclass(frozen=True)
class NewLines:
    """Complete lines that were not read before.

    Attributes:
        lines: Their text, without the line ends.
        restarted: Whether the file is another one now, so that all earlier lines are void.
    """

    lines: tuple[str, ...] = ()
    restarted: bool = False


class FileTail:
    """Reads the lines that another process appended to a text file since the last read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self._before = b""
        self._stamp: tuple[int, int] | None = None

    def read(self) -> NewLines:
        """Read the new lines. A last line without its line end is left for the next read.

        A file that is missing or may not be read has no new lines. One that became shorter, or
        holds something else where reading stopped, is read from its start.
        """
        try:
            status = self._file.stat()
            stamp = (status.st_size, status.st_mtime_ns)
            if stamp == self._stamp:
                return NewLines()
            same_file, fresh = self._read_appended()
            if not same_file:
                self._offset, self._before = 0, b""
                fresh = self._file.read_bytes()
        except OSError:
            return NewLines()
        self._stamp = stamp
        complete = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(complete)
        self._before = (self._before + complete)[-_FINGERPRINT:]
        # Bytes that are no UTF-8 spoil their own line, not those after it.
        lines = tuple(complete.decode("utf-8", "replace").split("\n")[:-1])
        return NewLines(lines, restarted=not same_file)

    def _read_appended(self) -> tuple[bool, bytes]:
        """Whether the file is still the one that was read, and what follows the part read."""
        with self._file.open("rb") as file:
            file.seek(self._offset - len(self._before))
            same_file = file.read(len(self._before)) == self._before
            return same_file, file.read() if same_file else b""
