"""The words of events and commands on disk: old runs are read, and new ones written the same."""

import json
from pathlib import Path
from typing import get_args

import pytest

from core.runs.messages import (
    Command,
    CommandReader,
    EpochEvaluated,
    Event,
    event_from_line,
    event_to_line,
    last_command,
    send_command,
)
from core.runs.registry import SHIPPED_FOLDER
from core.utils.files import to_json

LOOKED = (
    '{"event": "Looked", "time": 1790000000.5, "epoch": 2, "digits": [3, 5], "answers": [8, 1], '
    '"confidences": [0.5, 0.9], "n": 1000, "wrong": 20, "confusions": [[4, 9, 3]]}'
)


def test_an_evaluation_in_an_old_run_is_read_and_written_the_same() -> None:
    event = event_from_line(json.loads(LOOKED))
    assert isinstance(event, EpochEvaluated)
    assert (event.epoch, event.wrong, event.n) == (2, 20, 1000)
    assert json.loads(to_json(event_to_line(event))) == json.loads(LOOKED)


@pytest.mark.parametrize("file", sorted(SHIPPED_FOLDER.glob("*/events.jsonl")), ids=str)
def test_every_event_of_a_shipped_run_is_read_and_written_the_same(file: Path) -> None:
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    events = [event_from_line(line) for line in lines]
    assert None not in events
    written = [json.loads(to_json(event_to_line(event))) for event in events if event]
    # The oldest runs lack fields that were added since.
    assert [new | old for new, old in zip(written, lines, strict=True)] == written


def test_each_kind_of_event_has_a_word_of_its_own() -> None:
    words = {
        "Started",
        "Progress",
        "EpochEnded",
        "Looked",
        "Paused",
        "Resumed",
        "RateChanged",
        "Downloading",
        "Ended",
    }
    kinds = get_args(Event)
    fields = [dict.fromkeys(kind.__dataclass_fields__, 1) for kind in kinds]
    written = [event_to_line(kind(**values)) for kind, values in zip(kinds, fields, strict=True)]
    assert {line["event"] for line in written} == words
    assert len(kinds) == len(words)


def test_commands_keep_their_words_on_disk(tmp_path: Path) -> None:
    commands: tuple[Command, ...] = ("pause", "resume", "step", "epoch", "stop", "go-on")
    for command in commands:
        send_command(tmp_path, command)
    send_command(tmp_path, "rate", 0.01)
    lines = [json.loads(line) for line in (tmp_path / "orders.jsonl").read_text().splitlines()]
    assert lines == [
        {"order": "pause"},
        {"order": "resume"},
        {"order": "step"},
        {"order": "epoch"},
        {"order": "stop"},
        {"order": "go-on"},
        {"order": "rate", "rate": 0.01},
    ]
    assert last_command(tmp_path) == "go-on"
    reader = CommandReader(tmp_path)
    reader.read()
    assert (reader.stop, reader.paused, reader.rate) == (False, False, 0.01)
