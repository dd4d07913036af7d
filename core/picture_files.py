"""The picture files that somebody means by a list of files and folders, one after the other."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from core.errors import PictureError
from core.pictures import EXTENSIONS, FORMATS_TEXT

_ENDINGS: Final = tuple(f".{ending}" for ending in EXTENSIONS)


def picture_files(names: Iterable[str]) -> Iterator[Path | PictureError]:
    """Each file as it is named, and of each folder the pictures in it and below, by their names.

    A file that is named is given whatever it is called; in a folder, files without a picture's
    ending and hidden ones are passed over, and links to folders are not followed. A folder without
    a picture, or one that may not be read, comes as the sentence that says so. Nothing is read
    ahead: `names` may be a pipe, and a folder as large as a disk.
    """
    for name in names:
        path = Path(name)
        if _is_folder(path):
            yield from _in_folder(path)
        else:
            yield path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that no file can have: reading it says so
        return False


def _in_folder(folder: Path) -> Iterator[Path | PictureError]:
    faults: list[OSError] = []
    found = False
    for place, folders, files in os.walk(folder, onerror=faults.append):
        # Changed in place: where the walk goes on, and in which order.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(_ENDINGS) and not name.startswith("."):
                found = True
                yield Path(place, name)
    for fault in faults:
        yield PictureError(
            f"The folder {_named(fault.filename)} cannot be read ({fault.strerror}): change its "
            "permissions."
        )
    if not found and not faults:
        yield PictureError(
            f"The folder {_named(folder)} holds no picture: put {FORMATS_TEXT} files into it, or "
            "name a file itself."
        )


def _named(path: object) -> str:
    """A name of any bytes on one line, in quotes."""
    return f'"{" ".join(str(path).split())}"'
