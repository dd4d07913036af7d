"""`make` itself: what it lists, and that it leaves a complete environment alone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.app import chromium_path

ROOT = Path(__file__).parent.parent
TARGETS = {
    "help", "setup", "setup-dev", "run", "browser", "test", "lint", "format", "train", "bench",
    "screenshots", "reproduce", "clean", "download",
}  # fmt: skip

pytestmark = [
    pytest.mark.offline,
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here"),
]


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # The variables that an outer make hands down (`make test`) would steer this one.
    inherited = {
        "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "PORT", "PRESET", "PYTHON",
        "ONLY", "ARGS",
    }  # fmt: skip
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
    for name in (
        "Makefile",
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-logs.txt",
        "requirements-ray.txt",
    ):
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


def test_download_asks_the_command_line(clone: Path):
    assert "-m core download" in make("--dry-run", "download", folder=clone).stdout


@pytest.fixture
def talking_clone(clone: Path) -> Path:
    """A clone with three benchmarks whose Python says how it was called, and with which browser."""
    python = clone / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\n[ "$2" = pip ] || echo "called: $* with $CHROMIUM"\n')
    (clone / "benchmarks").mkdir()
    for name, text in {
        "slow": "# bench: heavy\n",
        "zebra": "",
        "common": "",
        "__init__": "",
    }.items():
        (clone / "benchmarks" / f"{name}.py").write_text(text)
    browser = clone / "my browser"
    browser.write_text("#!/bin/sh\nexit 0\n")
    browser.chmod(0o755)
    return clone


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (
            ["test", "ARGS=-k canvas"],
            ["-m pytest -n 3 --dist loadfile --no-loadscope-reorder -k canvas"],
        ),
        (["screenshots"], ["-m tests.browser.screenshots", "-m tests.browser.moving_picture"]),
        (["bench"], ["-m benchmarks.zebra", "-m benchmarks.slow"]),
        (["bench", "ONLY=slow"], ["-m benchmarks.slow"]),
    ],
    ids=["test", "screenshots", "every benchmark, heavy ones last", "one benchmark"],
)
def test_the_browser_that_make_found_is_handed_on(
    talking_clone: Path, arguments: list[str], called: list[str]
):
    browser = talking_clone / "my browser"
    said = make(*arguments, f"CHROMIUM={browser}", folder=talking_clone).stdout.splitlines()
    assert [line for line in said if line.startswith("called")] == [
        f"called: {call} with {browser}" for call in called
    ]


def test_a_benchmark_that_is_not_there_is_refused_in_a_sentence(talking_clone: Path):
    browser = talking_clone / "my browser"
    answer = make("bench", "ONLY=sloww", f"CHROMIUM={browser}", folder=talking_clone)
    assert answer.returncode != 0
    assert "There is no benchmark sloww. There are: slow zebra" in answer.stderr
    assert "called" not in answer.stdout


def test_a_browser_that_is_not_there_is_refused_by_make_and_by_python(
    talking_clone: Path, monkeypatch: pytest.MonkeyPatch
):
    nowhere = str(talking_clone / "no browser")
    answer = make("test", f"CHROMIUM={nowhere}", folder=talking_clone)
    assert answer.returncode != 0
    assert f"CHROMIUM names {nowhere}, which is no" in answer.stderr
    assert "called" not in answer.stdout
    monkeypatch.setenv("CHROMIUM", nowhere)
    with pytest.raises(RuntimeError, match="no browser, which is no program on this machine"):
        chromium_path()
