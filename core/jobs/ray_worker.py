"""The process that has a queued run trained on a Ray cluster.

It is started as `python -m core.jobs.ray_worker FOLDER`. To pages, queue and scheduler it is the
process that trains the run: it holds the run's lock, lives as long as the training, and outlives
the server. It sends the run's folder to a machine of the cluster with enough free cores
(`RemoteTrainer`, as a Ray actor), brings what is written there back into the folder once a second,
and hands commands on. A machine that sees the folder itself, because it is this one or shares a
file system with it, trains in the folder, and nothing is sent. The next run of the queue is trained
by the same actor, as TensorFlow is imported there already.

A machine that leaves the cluster takes its training along; it goes on at another machine from the
last checkpoint that was brought back. When this process is killed, Ray ends what it has started.
"""

import logging
import os
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import ray
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    GetTimeoutError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from core import ROOT
from core.data.mnist import mnist_file
from core.jobs.engine import RAY
from core.jobs.experiments import advance, prune_of
from core.jobs.remote_trainer import RemoteTrainer
from core.jobs.remote_training import RemoteNews
from core.jobs.scheduler import MAX_ATTEMPTS, has_saved_since, tick
from core.jobs.worker import TrainingProcess
from core.runs.cluster_room import write_cluster_room
from core.runs.locks import read_process, take_worker_lock
from core.runs.messages import COMMANDS_FILE, CommandReader
from core.runs.mirror import FolderChanges, apply_changes
from core.runs.permissions import limits, read_card
from core.runs.registry import read_run
from core.runs.writer import why_unwritable, write_info
from core.utils.errors import ClusterError, DigitscopeError, RunError

_POLL_S: Final = 1.0
"""Each look takes a moment from the training, whose process answers it."""
_ROOM_EVERY_S: Final = 10.0
_CONNECT_S: Final = 20.0
"""So long a cluster that does not answer may take to come."""
_SILENCE_S: Final = 60.0
"""So long a machine may be unreachable before its training is taken up on another."""
_LOST: Final = (
    ActorDiedError,
    NodeDiedError,
    ObjectLostError,  # its answer was on the way when the machine went
    OutOfMemoryError,
    WorkerCrashedError,
)
"""What Ray raises when the process that trained is no more."""
_LOG: Final = logging.getLogger(__name__)


class _MachineLostError(Exception):
    """The machine or the process that trains is gone; the text says how."""


class _Stopped(Exception):  # noqa: N818 - no error
    """The visitor stopped the training before it had a machine."""


@dataclass(frozen=True)
class _Trainer:
    """An actor that has trained a run and can train another.

    Attributes:
        actor: a `RemoteTrainer`.
        cores: how many it has.
    """

    actor: Any
    cores: int


def main(folder: Path) -> None:
    """Have the run of this folder trained, then what is next in the queue."""
    TrainingProcess(RAY, _Cluster().train_queued).work(folder)


class _Cluster:
    """The cluster as this process knows it: its connection, and the actor that is kept."""

    def __init__(self) -> None:
        self._trainer: _Trainer | None = None

    def train_queued(self, folder: Path) -> None:
        """Have a queued run trained. Raises RunError or ClusterError if it cannot be."""
        try:
            lock = take_worker_lock(folder)
            try:
                self._train_locked(folder)
            finally:
                lock.release()
        except OSError as error:  # the folder, or what was brought back, cannot be written here
            reason = why_unwritable(error, folder)
            with suppress(OSError):
                _end(folder, status="failed", ended_by="fault", error=reason)
            raise RunError(reason) from error

    def _train_locked(self, folder: Path) -> None:
        trainer, self._trainer = self._trainer, None
        try:
            if trainer is None:
                connect()
            self._trainer = ClusterTraining(folder, trainer).train()
        except _Stopped:
            _end(folder, status="stopped", ended_by="by hand")
        except DigitscopeError as error:
            _end(folder, status="failed", ended_by="fault", error=str(error))
            raise
        finally:
            if self._trainer is None:
                with suppress(Exception):
                    ray.shutdown()


def _end(folder: Path, **changes: object) -> None:
    """Note the end of a training that could not note it itself."""
    info = read_run(folder).info
    if info.status in {"queued", "running"}:
        write_info(folder, info.model_copy(update=changes))


def connect() -> None:
    """Connect this process to the cluster that `$RAY_ADDRESS` names, else to one on this machine.

    Raises:
        ClusterError: there is none, or it is of another version.
    """
    address = os.environ.get("RAY_ADDRESS") or "auto"
    if address != "auto":
        _wait_for_answer(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(
            address=address,
            namespace="digitscope",
            runtime_env={"py_modules": [str(ROOT / "core")], "excludes": ["__pycache__"]},
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except (ConnectionError, TimeoutError, ValueError, RayError) as error:
        raise ClusterError(_no_cluster(address)) from error
    except RuntimeError as error:
        raise ClusterError(_refused(address, str(error))) from error


def _wait_for_answer(address: str) -> None:
    """Return when something answers at an address; raise ClusterError after a while."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        host, port = "", 0
    if not host or not port:
        raise ClusterError(
            f"RAY_ADDRESS is {address!r}, which is no address of a Ray cluster: write HOST:PORT, "
            "or ray://HOST:PORT, and start the app again."
        )
    deadline = time.monotonic() + _CONNECT_S
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise ClusterError(_no_cluster(address)) from error
            time.sleep(1)
        else:
            return


def _no_cluster(address: str) -> str:
    where = "on this machine, and RAY_ADDRESS is not set" if address == "auto" else f"at {address}"
    return (
        f"There is no Ray cluster {where}. Start one (`ray start --head`), or correct RAY_ADDRESS; "
        "then continue this run."
    )


def _refused(address: str, reason: str) -> str:
    if "ersion mismatch" in reason:
        python = ".".join(map(str, sys.version_info[:3]))
        return (
            f"The Ray cluster at {address} has another version of Ray or Python than this server, "
            f"which has Ray {ray.__version__} and Python {python}. Install the same on all "
            "machines, start the cluster again, and continue this run."
        )
    return (
        f"The Ray cluster at {address} cannot be used: {reason.splitlines()[0][:200]}. "
        "The log of this run says more."
    )


class ClusterTraining:
    """The training of one run on a cluster to which this process is connected."""

    def __init__(self, folder: Path, trainer: _Trainer | None = None) -> None:
        """Read the run; `train` begins.

        Args:
            folder: of the queued run; this process holds its lock.
            trainer: one that has trained before.
        """
        self._folder = folder.resolve()  # as other machines of a shared file system see it
        self._trainer = trainer
        self._card = read_card(folder)
        self._prune = prune_of(read_run(folder), self._card)
        self._cores = 1
        self._room_known_at = 0.0
        file = mnist_file()
        self._mnist = ray.put(file.read_bytes()) if file else None

    def train(self) -> _Trainer | None:
        """Train to the end, on as many machines as it takes.

        Returns:
            What trained it last; None if the training failed there, unexpectedly.

        Raises:
            ClusterError: no machine can train it.
            _Stopped: the visitor stopped it before it had a machine.
        """
        attempts = 0
        while True:
            began = time.time()
            try:
                return self._train_on_a_machine()
            except _MachineLostError as error:
                _LOG.warning("%s: %s", self._folder.name, error)
                attempts = 1 if has_saved_since(self._folder, began) else attempts + 1
                if attempts >= MAX_ATTEMPTS:
                    raise ClusterError(self._given_up(str(error))) from error

    def _given_up(self, reason: str) -> str:
        has_saved = has_saved_since(self._folder, 0)
        kept = "What it had learned is kept" if has_saved else "Nothing was learned yet"
        return (
            f"{reason} That happened {MAX_ATTEMPTS} times. {kept}: continue this run to try again."
        )

    def _train_on_a_machine(self) -> _Trainer | None:
        commands = FolderChanges(self._folder, lambda name: name == COMMANDS_FILE)
        commands.read()  # those so far go with the folder, which is read after them
        trainer = self._begin()
        actor = trainer.actor
        training = actor.train.remote(
            self._card.max_seconds, self._card.max_pause_seconds, prunes=self._prune is not None
        )
        pruned: bool | None = None
        over = False
        while not over:
            ended, _ = ray.wait([training], timeout=_POLL_S if pruned is None else 0)
            over = bool(ended)  # before the last exchange, which brings all that was written
            news = self._exchange(actor, commands, pruned)
            apply_changes(self._folder, news.changes)
            pruned = self._prune() if news.asks_to_prune and self._prune else None
            self._note_room()
        try:
            ray.get(training)
        except RayTaskError as error:
            _LOG.warning("%s", error)
            _end(self._folder, status="failed", ended_by="fault", error=_why(error.cause))
            return None
        except _LOST as error:
            raise _MachineLostError(_how_lost(error)) from error
        return trainer

    def _begin(self) -> _Trainer:
        """Something that trains and has the run's folder, once a machine has room for it."""
        self._note_room()
        kept, self._trainer = self._trainer, None
        if kept and kept.cores != self._cores:
            ray.kill(kept.actor)
            kept = None
        trainer = kept or self._new_trainer()
        actor = trainer.actor
        # The packages first: if they lack, what `begin` is given cannot be read there.
        self._wait_for(actor, actor.import_packages.remote())
        files = None if self._is_shared(actor) else FolderChanges(self._folder).read()
        self._wait_for(actor, actor.begin.remote(self._folder, files, self._mnist))
        return trainer

    def _is_shared(self, actor: Any) -> bool:
        """Whether the machine of an actor can train in the folder itself."""
        if not limits().ray_shared_folder:
            return False
        process = read_process(self._folder)
        shared: bool = self._wait_for(actor, actor.sees_folder.remote(self._folder, process))
        return shared

    def _wait_for(self, actor: Any, call: Any) -> Any:
        """Wait for what an actor's call gives, and obey a visitor who stops the training."""
        while not ray.wait([call], timeout=_POLL_S)[0]:
            waiting = CommandReader(self._folder)
            waiting.read()
            if waiting.stop:
                ray.kill(actor)
                raise _Stopped
            self._note_room()
        try:
            return ray.get(call)
        except _LOST as error:
            raise _MachineLostError(_how_lost(error)) from error
        except RayTaskError as error:
            raise ClusterError(_why(error.cause)) from error
        except RayError as error:
            raise ClusterError(_why(error)) from error

    def _new_trainer(self) -> _Trainer:
        actor: Any = (
            ray.remote(RemoteTrainer)
            .options(
                num_cpus=self._cores,
                enable_task_events=False,
                max_concurrency=2,  # a thread trains, another tells what is new
                runtime_env={
                    "env_vars": {
                        "TF_NUM_INTRAOP_THREADS": str(self._cores),
                        "TF_NUM_INTEROP_THREADS": str(self._cores),
                        "TF_CPP_MIN_LOG_LEVEL": "2",
                    }
                },
            )
            .remote()
        )
        return _Trainer(actor, self._cores)

    def _exchange(self, actor: Any, commands: FolderChanges, pruned: bool | None) -> RemoteNews:
        """Hand commands on and hear what is new; patient with a machine that is out of reach."""
        fresh = commands.read()
        deadline = time.monotonic() + _SILENCE_S
        while True:
            try:
                news: RemoteNews = ray.get(actor.exchange.remote(fresh, pruned), timeout=_SILENCE_S)
            except (ActorUnavailableError, GetTimeoutError) as error:
                if time.monotonic() > deadline:
                    ray.kill(actor)
                    raise _MachineLostError(
                        "The machine that trained it could not be reached any more."
                    ) from error
                time.sleep(_POLL_S)
            except _LOST as error:
                raise _MachineLostError(_how_lost(error)) from error
            else:
                return news

    def _note_room(self) -> None:
        """See from time to time what room the cluster has, and start what it has room for.

        A training gets the cores that the setting says, but no more than a machine has.
        """
        if self._room_known_at and time.monotonic() - self._room_known_at < _ROOM_EVERY_S:
            return
        self._room_known_at = time.monotonic()
        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        cores = [int(node["Resources"].get("CPU", 0)) for node in nodes if node.get("Alive")]
        self._cores = max(min(limits().ray_cpus, max(cores, default=1)), 1)
        if write_cluster_room(sum(count // self._cores for count in cores)):
            advance()
            tick()


def _how_lost(error: RayError) -> str:
    """A sentence about how a training's process or machine went."""
    text = str(error).lower()
    if isinstance(error, OutOfMemoryError) or "oom" in text or "out of memory" in text:
        return "The machine that trained it ran out of memory."
    if isinstance(error, NodeDiedError | ObjectLostError) or "node" in text:
        return "The machine that trained it left the cluster."
    return "The process that trained it was ended from outside."


def _why(error: BaseException | None) -> str:
    """A sentence about a training that failed before it could say so itself."""
    if isinstance(error, DigitscopeError):
        return str(error)
    if isinstance(error, ImportError):
        return (
            f"A machine of the cluster lacks the package {error.name or error}: install "
            "requirements.txt and requirements-ray.txt there, and train it again."
        )
    return (
        f"A machine of the cluster could not train it ({type(error).__name__}). "
        "The log of this run says more."
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
