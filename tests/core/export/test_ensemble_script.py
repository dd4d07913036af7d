"""An ensemble to take away: its own script counts the same mistakes, without Digitscope."""

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.export.ensemble_script import ensemble_bundle
from core.export.run_report import run_zip
from core.jobs import submission
from core.runs import registry
from core.runs.run import Run
from tests.helpers import run_list
from tests.helpers.run_list import MINE, Copy

pytestmark = pytest.mark.usefixtures("only_sample")
copy = run_list.copy


@pytest.fixture
def ensemble(copy: Copy) -> Run:
    members = [registry.read_run(copy(name, name)) for name in ("fast", "katariya-batchnorm")]
    return submission.make_ensemble(members, token=MINE, title="Both")


def test_the_zip_holds_each_member_and_the_script(ensemble: Run) -> None:
    content = run_zip(ensemble, ensemble_bundle(ensemble))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        report = archive.read("report.md").decode()
    assert {"ensemble.py", "report.md", "requirements.txt"} <= names
    assert "recipe.json" not in names  # it has none of its own
    for member in ("fast", "katariya-batchnorm"):
        files = {"train.py", "model.keras", "recipe.json"}
        assert {f"members/{member}/{name}" for name in files} <= names
        assert f"| {member} |" in report
    assert "The network `model.keras` is missing" not in report
    assert "nothing was trained" in report


@pytest.mark.long
def test_the_script_counts_what_digitscope_counts(ensemble: Run, tmp_path: Path) -> None:
    place = tmp_path / "unpacked"
    for name, content in ensemble_bundle(ensemble).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-P", "ensemble.py"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    counts = dict(re.findall(r"^(\S+): ([0-9]+) wrong of 1,000$", done.stdout, re.MULTILINE))
    assert counts == {
        "fast": str(registry.find_run("fast").info.metrics["mnist-sample"].wrong),
        "katariya-batchnorm": str(
            registry.find_run("katariya-batchnorm").info.metrics["mnist-sample"].wrong
        ),
        "ensemble": str(ensemble.info.metrics["mnist-sample"].wrong),
    }, done.stderr[-500:]
