"""Files that are written whole: what a fault, and a reader on Windows, must not break."""

from pathlib import Path
from typing import Any

import pytest

from core.utils import files


def test_failed_writing_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def fail(file: Any) -> None:
        file.write(b"half of the new")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.write_atomically(target, fail)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def refuse_replacing(monkeypatch: pytest.MonkeyPatch, times: int) -> list[Path]:
    """As on Windows while a reader has the file open; gives the list of what was tried."""
    whole = Path.replace
    tried: list[Path] = []

    def replace(draft: Path, target: Path) -> Path:
        tried.append(target)
        if len(tried) <= times:
            raise PermissionError(13, "Access is denied")
        return whole(draft, target)

    monkeypatch.setattr(Path, "replace", replace)
    return tried


def test_file_that_a_reader_has_open_is_replaced_a_little_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    tried = refuse_replacing(monkeypatch, times=2)
    files.write_atomically(tmp_path / "file", lambda file: file.write(b"new"))
    assert len(tried) == 3
    assert (tmp_path / "file").read_bytes() == b"new"


def test_file_that_stays_open_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "REPLACING_S", 0.1)
    tried = refuse_replacing(monkeypatch, times=1000)
    with pytest.raises(PermissionError):
        files.write_atomically(tmp_path / "file", lambda file: file.write(b"new"))
    assert len(tried) > 1
    assert list(tmp_path.iterdir()) == []
