"""Pieces of files to take away: CSV, and entries of a zip whose bytes are always the same."""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_OF_ALL_TIMES: Final = (1980, 1, 1, 0, 0, 0)


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as CSV in UTF-8, a line each."""
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows(rows)
    return target.getvalue().encode()


def inert(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def add(
    archive: zipfile.ZipFile, name: str, content: bytes, packing: int = zipfile.ZIP_STORED
) -> None:
    """Put an entry into a zip; neither the time nor the machine shows in its bytes."""
    entry = zipfile.ZipInfo(name, date_time=_OF_ALL_TIMES)
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    entry.compress_type = packing
    archive.writestr(entry, content)
