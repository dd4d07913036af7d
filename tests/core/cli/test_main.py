"""What the command line meets on its way out: full disks, closed pipes, names that are no text."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.__main__ import main
from core.cli import console, predict
from core.runs import registry
from tests.core.cli.test_app import ROOT, is_one_sentence, settings


def test_a_file_name_that_is_no_text_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "load_network", lambda run, epoch: None)
    digit = predict.ReadDigit(7, 1.0, [0.1] * 10, (0, 0, 1, 1), 0, 0, "sure", 1.0)
    page = predict.ReadPage([digit], [], "page")
    monkeypatch.setattr(predict, "read_picture", lambda file, reader: page)
    assert main(["predict", "caf\udce9.png"]) == 0
    assert capsys.readouterr().out == "caf\\udce9.png: 7 (100 % sure)\n"


def test_what_the_system_refuses_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(28, "No space left on device", "/runs/x")

    monkeypatch.setattr(registry, "list_runs", refuse)
    assert main(["runs"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert is_one_sentence(said.err)
    assert "No space left on device (/runs/x)" in said.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_full_disk_behind_the_output_is_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = into(full.fileno())
    assert done.returncode == 1
    assert is_one_sentence(done.stderr)
    assert "No space left" in done.stderr


def test_reader_that_has_read_enough_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = into(writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def into(stdout: int) -> subprocess.CompletedProcess[str]:
    """List the runs into an open file."""
    return subprocess.run(
        [sys.executable, "-m", "core", "runs"],
        cwd=ROOT,
        env=settings(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=280,
        check=False,
    )
