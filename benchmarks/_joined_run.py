"""A run and the training that went on with its network, as one run: history, events, epochs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from core.runs.run import Pens, Run, epoch_file
from core.runs.writer import make_run_folder, thin_epochs, write_info
from core.utils.files import write_atomically

KEPT = ("model.keras", "test_predictions.npz")


def join(before: Run, after: Run, pens: Pens, folder: Path) -> Run:
    """Make `folder` a run that was trained as `before` and then as `after`.

    Recipe, counts and epochs up to its last are those of `before`; the network, its answers and the
    epochs behind that those of `after`. Both must have their network; neither is changed. Raises
    RunError if the folder is there already.
    """
    make_run_folder(folder)
    first = before.info.recipe.epochs
    provenance = before.info.provenance.model_copy(update={"pens": pens})
    info = before.info.model_copy(
        update={
            "id": folder.name,
            "provenance": provenance,
            "seconds": before.info.seconds + after.info.seconds,
            "epochs_done": first + pens.epochs,
            "ended_by": after.info.ended_by,
            **{name: getattr(after.info, name) for name in ("metrics", "model_sha256", "versions")},
        }
    )
    for name in KEPT:
        shutil.copyfile(after.folder / name, folder / name)
    _write_history(before, after, first, folder)
    _write_events(before, after, first, folder)
    _copy_epochs(before, after, first, folder)
    write_info(folder, info)
    return Run(folder, info)


def _write_history(before: Run, after: Run, first: int, folder: Path) -> None:
    later = after.history().drop(columns="steps", errors="ignore")
    later["epoch"] += first
    table = pd.concat([before.history(), later], ignore_index=True).to_csv(index=False)
    write_atomically(folder / "history.csv", lambda file: file.write(table.encode()))


def _write_events(before: Run, after: Run, first: int, folder: Path) -> None:
    """What both told, in order, as if they had been one training from the beginning."""
    earlier, later = _events(before), _events(after)
    steps = earlier[0]["steps"]
    longer = next(event["steps"] for event in later if event["event"] == "Started")
    lines = [event for event in earlier if event["event"] != "Ended"]
    lines[0] = lines[0] | {"epochs": first + after.info.recipe.epochs}
    gap = 0.0
    for event in later:
        if event["event"] == "Started":
            # If it went on from a checkpoint, that part comes again, and nobody waited meanwhile.
            done = event.get("first_step", 0) / longer
            lines = [old for old in lines if _place(old, steps) <= first + done]
            gap = event["time"] - lines[-1]["time"]
        elif event["event"] in ("Progress", "EpochEnded"):
            # Charts count the batches of the first training. The second has more of them in an
            # epoch: their places are given as the same parts of one.
            place = {"epoch": event["epoch"] + first, "time": event["time"] - gap}
            if event["event"] == "Progress":
                place["step"] = max(1, round(event["step"] * steps / longer))
            lines.append({key: value for key, value in (event | place).items() if key != "steps"})
    seconds = before.info.seconds + after.info.seconds
    lines.append(later[-1] | {"seconds": seconds, "time": later[-1]["time"] - gap})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    write_atomically(folder / "events.jsonl", lambda file: file.write(text.encode()))


def _place(event: dict[str, Any], steps: int) -> float:
    """Where an event is, in epochs since the beginning."""
    if event["event"] == "EpochEnded":
        return float(event["epoch"])
    return float(event["epoch"] - 1 + event["step"] / steps) if "step" in event else 0.0


def _events(run: Run) -> list[dict[str, Any]]:
    with (run.folder / "events.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _copy_epochs(before: Run, after: Run, first: int, folder: Path) -> None:
    """The weights of as many epochs as `before` kept, the last one of both among them."""
    (folder / "epochs").mkdir()
    sources = {k: epoch_file(before.folder, k) for k in before.epochs()}
    later = after.epochs()
    sources |= {first + k: epoch_file(after.folder, k) for k in later[-2:]}
    dropped = set(thin_epochs([k for k in sources if k != first], len(before.epochs()) - 1))
    for k in sources.keys() - dropped:
        shutil.copyfile(sources[k], epoch_file(folder, k))
