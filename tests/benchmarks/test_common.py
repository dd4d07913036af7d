"""What the benchmarks share."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import common


def test_a_result_tells_its_command_without_where_folders_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["real_pictures.py", str(tmp_path), "--seed", "2"])
    common.write_result("real_pictures", {}, packages=())
    written = json.loads((tmp_path / "real_pictures.json").read_text())
    assert written["command"] == "python -m benchmarks.real_pictures FOLDER --seed 2"
