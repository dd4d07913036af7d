"""Does the product answer, store and show the very same as before a change of its code?

Claim: a change that moves or renames code alone changes nothing of this: the answers of the shipped
runs on both datasets, what `predict` prints for real pictures (to the byte), the answers of the
exported code, the links in the documentation, and runs that the version before has left: they are
listed and evaluated alike, and those that had not ended are trained to the same weights.

How: one tree of the source is recorded into a file, another into a second, and both are compared.
Everything goes through what a user has: commands, downloads, links, run folders. So this very
script looks at either tree, and what it asks inside one (`_tree_probe.py`) is looked up by name.
Each process has one thread for its arithmetic: with more, sums depend on the machine's mood. Both
records want the same machine, environment, pictures and old runs.

    git worktree add ../old HEAD~1
    python -m benchmarks.same_as_before make ../old OLD.tar          runs for both trees to open
    python -m benchmarks.same_as_before record ../old OLD.json --runs OLD.tar --pictures FOLDER
    python -m benchmarks.same_as_before record . NEW.json --runs OLD.tar --pictures FOLDER
    python -m benchmarks.same_as_before compare OLD.json NEW.json

`compare` prints each difference and ends with status 1 if there is one. A record takes some ten
minutes; `--part` takes single parts of it. `make bench` leaves this script out: it needs two trees.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import h5py  # type: ignore[import-untyped]
import numpy as np
import pandas as pd

from benchmarks.common import machine, start

HERE: Final = Path(__file__).resolve().parent
PACKAGES: Final = (
    *("numpy", "tensorflow", "keras", "opencv-python-headless", "pillow", "scipy"),
    *("scikit-learn", "streamlit"),
)
DATASETS: Final = ("mnist-sample", "mnist")
ONE_THREAD: Final = dict.fromkeys(
    (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
        *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    ),
    "1",
)
LAYERS: Final = (
    {"kind": "flatten"},
    {"kind": "dense", "units": 16, "activation": "relu"},
    {"kind": "dropout", "rate": 0.2},
    {"kind": "dense", "units": 10, "activation": "softmax"},
)
RECIPE: Final = {
    "architecture": {"layers": LAYERS},
    "dataset": "mnist-sample",
    "batch_size": 128,
    "epochs": 8,
    "validation_split": 0.1,
    "augmentation": {"rotation": 10.0},
    "seed": 1,
}
"""Tiny, but with all that a training must take up again: dropout, augmentation, Adam's moments."""
UNFINISHED: Final = {"stopped": "continue", "half": "continue", "queued": "worker"}
"""The old runs that are trained to their end, and how. All have the recipe of `finished`."""
WORKERS: Final = ("core.jobs.worker", "core.worker")
"""What the program that trains a run is called: today, and in older trees."""
PATIENCE_S: Final = 180
NOT_REPEATED: Final = ("seconds", "time")
"""Columns of a run's history that no training repeats."""
TIMED: Final = {"Progress", "Looked"}
"""Events that come every so many seconds."""


@dataclass(frozen=True)
class Tree:
    """The source that is looked at, and a folder in which it may keep runs."""

    root: Path
    own_runs: Path

    def run(
        self, *arguments: str, place: Path | None = None, said: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run Python in a process that sees this tree, and nothing of the one we are in."""
        command = [sys.executable, "-P", *arguments]
        return subprocess.run(
            command,
            cwd=place or self.root,
            env=self.environment(),
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )

    def command(self, *arguments: str) -> dict[str, Any]:
        """What a command of `python -m core` prints, and its status if that is not 0."""
        done = self.run("-m", "core", *arguments)
        printed = [json.loads(line) for line in done.stdout.splitlines()]
        said = done.stderr.strip().replace(str(self.own_runs), "RUNS")
        failed = {"status": done.returncode, "said": said}
        return {"printed": printed} | (failed if done.returncode else {})

    def probe(self, *arguments: str, said: str = "") -> str:
        """What `_tree_probe.py` prints."""
        return _printed(self.run(str(HERE / "_tree_probe.py"), *arguments, said=said))

    def environment(self) -> dict[str, str]:
        """Ours, less the settings of a server, with this tree in front."""
        plain = {key: text for key, text in os.environ.items() if not key.startswith("DIGITSCOPE_")}
        places = {"PYTHONPATH": str(self.root), "DIGITSCOPE_RUNS": str(self.own_runs)}
        return {**plain, **ONE_THREAD, **places, "TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class Job:
    """What is recorded: a tree, pictures to read, and what `make` has left (None: leave it out)."""

    tree: Tree
    pictures: Path | None
    left: Path | None
    shipped: list[str] = field(default_factory=list)

    def copy_of(self, *names: str) -> Tree:
        """The tree with a fresh copy of some of the old runs for its own."""
        assert self.left
        place = Path(tempfile.mkdtemp(dir=self.tree.own_runs.parent))
        for name in names:
            shutil.copytree(self.left / "runs" / name, place / name)
        # As if this machine had been measured just now: pages start that else, and it takes a core.
        (place / ".machine").mkdir()
        (place / ".machine" / "started").touch()
        return Tree(self.tree.root, place)


# --- Recording ------------------------------------------------------------------------------------


def evaluated(job: Job) -> dict[str, Any]:
    """Wrong answers and loss of each shipped run on each dataset."""
    return {
        name: {dataset: _evaluated(job.tree, name, dataset) for dataset in DATASETS}
        for name in job.shipped
    }


def _evaluated(tree: Tree, run: str, dataset: str) -> dict[str, Any]:
    answer = tree.command("evaluate", run, "--dataset", dataset, "--json")
    for row in answer["printed"]:
        row["wrong"] = round(row["n"] * (1 - row["accuracy"]))
    return answer


def predicted(job: Job) -> dict[str, Any]:
    """What is read in each picture: the digits, and the SHA-256 of the line that was printed."""
    if not job.pictures:
        return {}
    done = job.tree.run("-m", "core", "predict", "--json", ".", place=job.pictures)
    rows: dict[str, Any] = {"status": done.returncode, "said": done.stderr.strip()}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        digits = "".join(str(digit["digit"]) for digit in row["digits"])
        rows[row["file"]] = {
            "digits": digits,
            "error": row["error"],
            "line": _sha256(line.encode()),
        }
    return rows


def exported(job: Job) -> dict[str, Any]:
    """What the code that is taken away with each shipped run answers, in a process of its own."""
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        job.tree.probe("export", str(place))
        for folder in sorted(place.iterdir()):
            probe = [sys.executable, "-I", str(HERE / "_bundle_probe.py"), str(folder)]
            environment = {**job.tree.environment(), "PYTHONPATH": ""}
            done = subprocess.run(
                probe, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            # The code itself may be written otherwise; what is stored beside it may not.
            kept = {
                file.name: _sha256(file.read_bytes())
                for file in sorted(folder.iterdir())
                if file.suffix in {".json", ".txt", ".md", ".keras"}
            }
            figures[folder.name] = {"files": kept, **json.loads(_printed(done))}
    return figures


def linked(job: Job) -> dict[str, Any]:
    """Each link of the documentation: whether its file is there, what its page shows."""
    root = job.tree.root
    documents = [*sorted(root.glob("*.md")), *sorted(root.glob("docs/*.md"))]
    files: dict[str, bool] = {}
    addresses: set[str] = set()
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", text):
            if not target.startswith("http"):
                name = f"{document.relative_to(root)} -> {target}"
                files[name] = (document.parent / target).exists()
        addresses |= set(re.findall(r"`(/[a-z]+\?[^`\s]+)`", text))
    pages = {
        page: page for page in ("/", "/dataset", "/train", "/confusion", "/filters", "/predict")
    }
    opened = pages | {link: link for link in sorted(addresses)}
    tree = job.tree
    if job.left:
        tree = job.copy_of("finished", "stopped")
        recipe = (job.left / "link.txt").read_text(encoding="utf-8").strip()
        opened = {
            link: re.sub(r"=RUN\b", "=finished", link).replace("recipe=...", f"recipe={recipe}")
            for link in opened
        }
    else:
        opened = {link: link for link in opened if "RUN" not in link and "..." not in link}
    shown = json.loads(tree.probe("pages", said="\n".join(opened.values())))
    return {"files": files, "pages": {link: shown[address] for link, address in opened.items()}}


def left_runs(job: Job) -> dict[str, Any]:
    """What becomes of the runs that `make` has left: listed, evaluated, trained to their end."""
    if not job.left:
        return {}
    names = ["finished", *UNFINISHED]
    tree = job.copy_of(*names)
    rows = tree.command("runs", "--json")["printed"]
    figures: dict[str, Any] = {
        "listed": {row["run"]: row for row in rows},
        "evaluated": {name: _evaluated(tree, name, "mnist-sample") for name in names},
    }
    ended: dict[str, Any] = {"finished": _trained(tree.own_runs / "finished")}
    for name, how in UNFINISHED.items():
        own = job.copy_of(name)
        said = _trained_on(own, name, how)
        ended[name] = _trained(own.own_runs / name) | ({"said": said} if said else {})
    figures["ended"] = ended
    whole = ended["finished"]["weights_sha256"]
    figures["as_uninterrupted"] = {name: ended[name]["weights_sha256"] == whole for name in ended}
    return figures


def _trained_on(tree: Tree, name: str, how: str) -> str:
    """Train a run to its end; what is said if that fails."""
    if how == "continue":
        done = tree.run("-m", "core", "continue", name)
        return done.stderr.strip() if done.returncode else ""
    places = {name: tree.root / f"{name.replace('.', '/')}.py" for name in WORKERS}
    worker = next(module for module, file in places.items() if file.exists())
    done = tree.run("-m", worker, str(tree.own_runs / name))
    return done.stderr.strip() if done.returncode else ""


def _trained(folder: Path) -> dict[str, Any]:
    """What a training leaves that the same training would leave again."""
    info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    model, history = folder / "model.keras", folder / "history.csv"
    rows = pd.read_csv(history) if history.exists() else pd.DataFrame()
    repeated = rows.drop(columns=[name for name in NOT_REPEATED if name in rows])
    told = [json.loads(line)["event"] for line in (folder / "events.jsonl").open(encoding="utf-8")]
    return {
        **{key: info[key] for key in ("status", "ended_by", "epochs_done", "metrics", "error")},
        "weights_sha256": weights_sha256(model) if model.exists() else "",
        "history_sha256": _sha256(repeated.to_csv(index=False).encode()),
        "kinds_of_events": sorted(set(told) - TIMED),
        "files": sorted(file.name for file in folder.iterdir()),
    }


def weights_sha256(model: Path) -> str:
    """The SHA-256 of all arrays in a .keras file: the file itself holds the time of its writing."""
    told = hashlib.sha256()
    with (
        zipfile.ZipFile(model) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as stored,
    ):
        arrays: dict[str, Any] = {}

        def note(name: str, node: Any) -> None:
            if isinstance(node, h5py.Dataset):
                arrays[name] = np.asarray(node)

        stored.visititems(note)
    for name in sorted(arrays):
        array = arrays[name]
        told.update(f"{name} {array.dtype} {array.shape}\n".encode() + array.tobytes())
    return told.hexdigest()


PARTS: Final[dict[str, Callable[[Job], dict[str, Any]]]] = {
    "evaluate": evaluated,
    "predict": predicted,
    "export": exported,
    "links": linked,
    "runs": left_runs,
}


def record(
    root: Path, file: Path, pictures: Path | None, runs: Path | None, parts: list[str]
) -> None:
    """Write what a tree answers, stores and shows into a file."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "none").mkdir()
        tree = Tree(root.resolve(), place / "none")
        left = None
        if runs:
            left = place / "left"
            with tarfile.open(runs) as archive:
                archive.extractall(left, filter="data")
        shipped = [row["run"] for row in tree.command("runs", "--json")["printed"]]
        job = Job(tree, pictures and pictures.resolve(), left, shipped)
        figures: dict[str, Any] = {"about": _about(tree)}
        for part in parts:
            began = time.perf_counter()
            figures[part] = PARTS[part](job)
            print(f"{part}: {time.perf_counter() - began:.0f} s", flush=True)
    file.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {file}")


def _about(tree: Tree) -> dict[str, Any]:
    commit = _git(tree.root, "rev-parse", "HEAD")
    mnist = os.environ.get("MNIST_NPZ", "")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "changed_since": _git(tree.root, "status", "--porcelain").splitlines(),
        "mnist_sha256": _sha256(Path(mnist).read_bytes()) if mnist else "",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in PACKAGES},
        "threads": 1,
        "machine": machine(),
    }


# --- Old runs -------------------------------------------------------------------------------------


def make(root: Path, file: Path) -> None:
    """Let a tree leave a finished, a stopped, a half-trained and a queued run, all of one recipe.

    Each of the last three was broken off, or not begun: trained to its end, it must have the
    weights of the first.
    """
    text = json.dumps(RECIPE)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        folder = place / "runs"
        folder.mkdir()
        tree = Tree(root.resolve(), folder)
        recipe = place / "recipe.json"
        recipe.write_text(text)
        (place / "link.txt").write_text(tree.probe("link", said=text))
        done = tree.run(
            "-m", "core", "train", "--recipe", str(recipe), "--out", str(folder / "finished")
        )
        _printed(done)
        with _paused(tree, recipe, "stopped") as process:
            # It waits in line, since a training is going on.
            queued = Path(tree.probe("submit", said=text).strip())
            _order(folder / "stopped", "stop")
            process.wait()
            _order(folder / "stopped", "go-on")  # as who continues it says before it is trained on
        with _paused(tree, recipe, "half") as process:
            process.kill()
            process.wait()
        _order(folder / "half", "resume")  # or it would wait again, as it did when it was killed
        queued.rename(folder / "queued")
        recipe.unlink()
        told = ((run.parent.name, json.loads(run.read_text())) for run in folder.glob("*/run.json"))
        states = {name: info["status"] for name, info in told}
        wanted = {name: name for name in ("finished", "stopped", "queued")} | {"half": "running"}
        if states != wanted:
            raise SystemExit(f"The old runs are not what they should be: {states}")
        with tarfile.open(file, "w") as archive:
            archive.add(place, ".")
    print(f"written: {file}")


@contextmanager
def _paused(tree: Tree, recipe: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A training that has done two epochs and part of the third, and waits there."""
    folder = tree.own_runs / name
    command = [sys.executable, "-P", "-m", "core", "train", "--recipe", str(recipe)]
    with subprocess.Popen(
        [*command, "--out", str(folder)],
        cwd=tree.root,
        env=tree.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait(lambda: _lines(folder / "history.csv") > 2, process)
            _order(folder, "pause")
            _wait(lambda: '"Paused"' in (folder / "events.jsonl").read_text(), process)
            yield process
        finally:
            process.kill()


def _wait(until: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    began = time.monotonic()
    while not until():
        if process.poll() is not None or time.monotonic() - began > PATIENCE_S:
            raise SystemExit("A training ended, or did nothing, before it could be interrupted.")
        time.sleep(0.02)


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def _order(folder: Path, order: str) -> None:
    with (folder / "orders.jsonl").open("a") as file:
        file.write(json.dumps({"order": order}) + "\n")


# --- Comparing ------------------------------------------------------------------------------------


def compare(before: Path, after: Path) -> int:
    """Print what differs between two records; how much that is."""
    old, new = (json.loads(file.read_text(encoding="utf-8")) for file in (before, after))
    for name, value in old["about"]["versions"].items():
        now = new["about"]["versions"].get(name)
        if now != value:
            print(f"(another {name}: {value} before, {now} now)")
    first, second = (dict(_leaves(figures)) for figures in (old, new))
    names = list(dict.fromkeys([*first, *second]))
    different = [name for name in names if first.get(name, _NOTHING) != second.get(name, _NOTHING)]
    for name in different:
        print(f"{name}: {first.get(name, _NOTHING)!r} before, {second.get(name, _NOTHING)!r} now")
    print(f"{len(different)} of {len(names)} figures differ")
    return len(different)


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


_NOTHING: Final = _Nothing()


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each figure with its place, less what is said about the record itself."""
    if isinstance(value, dict | list) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            if name or key != "about":
                yield from _leaves(inner, f"{name} > {key}" if name else str(key))
    else:
        yield name, value


# --- What all share -------------------------------------------------------------------------------


def _printed(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        raise SystemExit(f"{' '.join(done.args)} failed:\n{done.stderr}")
    return done.stdout


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def main() -> None:
    """Make old runs, record a tree, or compare two records."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = options.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="let a tree leave runs that others can open")
    making.add_argument("tree", type=Path)
    making.add_argument("file", type=Path)
    recording = commands.add_parser("record", help="record what a tree answers, stores and shows")
    recording.add_argument("tree", type=Path)
    recording.add_argument("file", type=Path)
    recording.add_argument("--pictures", type=Path, help="a folder of pictures to read")
    recording.add_argument("--runs", type=Path, help="what `make` has written")
    recording.add_argument("--part", action="append", choices=PARTS, help="only this one")
    comparing = commands.add_parser("compare", help="print what differs between two records")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    asked = options.parse_args()
    if asked.command == "make":
        make(asked.tree, asked.file)
    elif asked.command == "record":
        record(asked.tree, asked.file, asked.pictures, asked.runs, asked.part or list(PARTS))
    else:
        sys.exit(compare(asked.before, asked.after) > 0)


if __name__ == "__main__":
    start(main)
