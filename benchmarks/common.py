"""What all benchmarks share: timing, the note on versions and machine, and the result file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import numpy as np

from core.utils.errors import DigitscopeError

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

RESULTS: Final = Path(__file__).parent / "results"
NETWORK_PACKAGES: Final = ("numpy", "tensorflow", "keras")
BROWSER_PACKAGES: Final = (
    *NETWORK_PACKAGES,
    "streamlit",
    "streamlit-drawable-canvas",
    "playwright",
)


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A command line whose help is the first line of the script's docstring; it has `--quick`."""
    made = argparse.ArgumentParser(description=(doc or "").split("\n", 1)[0])
    made.add_argument("--quick", action="store_true", help="a short trial that writes no result")
    return made


def start(main: Callable[[], None]) -> None:
    """Run a benchmark; missing digits and the like end it with their sentence, status 1."""
    try:
        main()
    except DigitscopeError as error:
        sys.exit(str(error))


def write_result(
    name: str,
    figures: Any,
    *,
    seed: int | None = None,
    packages: Sequence[str] = NETWORK_PACKAGES,
    quick: bool = False,
    **more: Any,
) -> None:
    """Write `results/NAME.json`: how, where and when the figures came to be, then the figures.

    Args:
        name: of the script, without `.py`.
        figures: whatever JSON can hold.
        seed: None if nothing is drawn at random.
        packages: whose versions bear on the figures.
        quick: a trial is no result: only say so.
        more: what else a reader needs in order to understand the figures.
    """
    if quick:
        print("a quick trial: no result is written")
        return
    report = {
        "command": " ".join([f"python -m benchmarks.{name}", *without_paths(sys.argv[1:])]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        **more,
        "figures": figures,
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
        "machine": machine(),
    }
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {path}")


def without_paths(arguments: Sequence[str]) -> list[str]:
    """A command line as others read it: where its folders lie on this machine is nobody's business.

    Example:
        >>> without_paths(["/home/ada/digits", "--seed", "2"])
        ['FOLDER', '--seed', '2']
    """
    return [
        "FOLDER" if "/" in argument or Path(argument).is_dir() else argument
        for argument in arguments
    ]


def machine() -> dict[str, Any]:
    """System, processor, cores, and how busy the machine was (a result wants an idle one)."""
    models = [
        line.split(":", 1)[1].strip() for line in cpu_lines() if line.startswith("model name")
    ]
    return {
        "system": platform.system(),
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_of_last_minute": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def cpu_lines() -> list[str]:
    """What Linux tells of the processor, line by line; nothing on another system."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


@contextmanager
def serving(command: Sequence[str], folder: Path, port: int) -> Iterator[str]:
    """Start a Streamlit server by a command in a folder, wait until it is up, give its address.

    `tests.browser.app.running_app` does so for the app of this very checkout; this is for others.
    """
    from tests.browser.app import wait_until_up  # brings Playwright, which few benchmarks need

    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # `make` has children, which must end with it
    )
    try:
        wait_until_up(f"http://localhost:{port}", process)
        yield f"http://localhost:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)


@contextmanager
def one_line_app(folder: Path) -> Iterator[str]:
    """Streamlit with nothing but a title, as a measure of what is not ours."""
    from tests.browser.app import free_port

    (folder / "bare.py").write_text('import streamlit as st\nst.title("Digitscope")\n')
    port = free_port()
    settings = {"port": port, "headless": "true", "fileWatcherType": "none"}
    options = [f"--server.{name}={value}" for name, value in settings.items()]
    command = [sys.executable, "-m", "streamlit", "run", "bare.py", *options]
    with serving([*command, "--browser.gatherUsageStats=false"], folder, port) as address:
        yield address


def median_and_p95(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Median and 95th percentile, rounded."""
    middle, high = np.percentile(values, [50, 95])
    return {"median": round(float(middle), digits), "p95": round(float(high), digits)}


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Append the seconds that the block takes."""
    began = time.perf_counter()
    yield
    into.append(time.perf_counter() - began)


def interleaved(ways: dict[str, Callable[[int], object]], rounds: int) -> dict[str, list[float]]:
    """Time each way once a round, so that a busy moment of the machine falls on all of them alike.

    A way is called with the round's number. The seconds of each of its calls come back.
    """
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name, call in ways.items():
            with timed(spent[name]):
                call(turn)
    return spent


@contextmanager
def page_on_a_server(page: str, **link: str) -> Iterator[AppTest]:
    """A page of the app in a process that does nothing else, by a link, not yet run."""
    # Streamlit's testing and our tests bring much that few benchmarks need.
    from streamlit.testing.v1 import AppTest

    from tests.browser.app import ROOT
    from tests.helpers.pages_manager import navigation_remembered

    quiet = (
        patch("pages.widgets.shared.warm_up._load_default"),
        patch("pages.widgets.shared.scheduler_thread._keep_ticking"),
    )
    with quiet[0], quiet[1], navigation_remembered():
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.run()
        app.switch_page(page)
        for name, value in link.items():
            app.query_params[name] = value
        yield app
