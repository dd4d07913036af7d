"""`make` itself: what it lists, and that it leaves a complete environment alone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TARGETS = {
    "help", "setup", "setup-dev", "run", "browser", "test", "lint", "format", "train", "bench",
    "screenshots", "clean",
}  # fmt: skip

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # The variables that an outer make hands down (`make test`) would steer this one.
    inherited = {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "PORT", "PRESET", "PYTHON"}
    environment = {key: value for key, value in os.environ.items() if key not in inherited}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose environment is complete, as far as make can see."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
        os.utime(tmp_path / name, (1e9, 1e9))
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    for stamp in (".stamp", ".stamp-dev"):
        (tmp_path / ".venv" / stamp).touch()
    return tmp_path


def test_make_alone_lists_every_command():
    listed = {line.split()[1] for line in make().stdout.splitlines()}
    assert listed == TARGETS


def test_port_is_handed_on(clone: Path):
    assert "--server.port 9000" in make("--dry-run", "run", "PORT=9000", folder=clone).stdout
    assert "--server.port 8501" in make("--dry-run", "run", folder=clone).stdout


@pytest.mark.parametrize("target", ["setup", "setup-dev"])
def test_a_complete_environment_is_left_alone(clone: Path, target: str):
    assert make("--question", target, folder=clone).returncode == 0


@pytest.mark.parametrize("target", ["setup", "setup-dev"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda clone: (clone / ".venv/.unfinished").touch(),
        lambda clone: (clone / ".venv/bin/python").unlink(),
        lambda clone: os.utime(clone / "requirements.txt", (4e9, 4e9)),
    ],
    ids=["install was cut off", "no Python in it", "requirements changed"],
)
def test_an_environment_that_is_not_complete_is_mended(clone: Path, target: str, spoil):
    spoil(clone)
    assert make("--question", target, folder=clone).returncode == 1


def test_a_python_that_will_not_do_is_refused_in_a_sentence(clone: Path):
    shutil.rmtree(clone / ".venv")
    old = clone / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    answer = make("setup", f"PYTHON={old}", folder=clone)
    assert answer.returncode != 0
    assert f"needs Python 3.11, 3.12 or 3.13, and {old} is Python 3.9.2" in answer.stderr
    assert not (clone / ".venv").exists()


def test_train_hands_on_what_is_given_and_asks_for_a_preset(clone: Path):
    command = make("--dry-run", "train", "PRESET=yalcin", "EPOCHS=2", folder=clone).stdout
    assert '-m core train --preset "yalcin"' in command
    assert '--epochs "2"' in command
    assert "--seed" not in command
    assert "Say which preset" in make("train", folder=clone).stderr
