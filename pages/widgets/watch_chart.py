"""The curves of a training, and how a visitor wants them drawn."""

from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from core import runs
from core.errors import DigitscopeError
from core.job_card import shown_name
from core.live import Live, follow
from core.live_figures import MAX_POINTS, Compared, accuracy_chart, caption, loss_chart
from core.palette import TEXT
from core.runs import Run

MOST_COMPARED = 2


@dataclass(frozen=True)
class Drawn:
    """How the curves are to be drawn; `compare` are ids of other runs."""

    log: bool
    zoom_top: bool
    smooth: bool
    compare: tuple[str, ...]


PLAINLY: Final = Drawn(log=False, zoom_top=False, smooth=False, compare=())


def chart_options(run: Run) -> Drawn:
    """Let the visitor choose how the curves are drawn."""
    others = _others(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        log = st.toggle("Logarithmic loss", key="watch-log", persist_state="session")
        zoom = st.toggle("Top of the accuracy", key="watch-zoom", persist_state="session")
        smooth = st.toggle(
            "Smooth",
            key="watch-smooth",
            persist_state="session",
            help="Average the thin line over a twentieth of its points. It is easier to follow, "
            "and hides how much single batches differ.",
        )
    compare = st.multiselect(
        "Compare with",
        list(others),
        format_func=lambda name: others.get(name, name),
        max_selections=MOST_COMPARED,
        placeholder="Lay up to two other runs underneath",
        key=f"watch-compare-{run.id}",
        label_visibility="collapsed",
    )
    return Drawn(log, zoom, smooth, tuple(compare))


def charts(run: Run, live: Live, options: Drawn) -> None:
    """Draw loss and accuracy side by side, with what each curve contains."""
    curve = live.curve(MAX_POINTS)
    if options.smooth:
        curve = curve.smoothed()
    how: dict[str, Any] = {
        "total": run.info.recipe.epochs,
        "compare": _compared(options.compare),
        "marks": live.marks,
        "text_colour": TEXT.get(st.context.theme.type or ""),
    }
    epochs = live.epochs
    left, right = st.columns(2)
    with left:
        st.echarts_chart(
            loss_chart(curve, epochs, log=options.log, **how),
            height=300,
            key="watch-loss",
            alt="The loss over the epochs, of training and validation",
        )
    with right:
        st.echarts_chart(
            accuracy_chart(curve, epochs, zoom_top=options.zoom_top, **how),
            height=300,
            key="watch-accuracy",
            alt="The accuracy over the epochs, of training and validation",
        )
    st.caption(caption(run.info.recipe, curve, live.steps, smooth=options.smooth))


def _others(run: Run) -> dict[str, str]:
    """Runs that have epochs to show, the newest first."""
    found = [other for other in runs.list_runs() if isinstance(other, Run) and other.id != run.id]
    shown = sorted(found, key=lambda other: other.info.created, reverse=True)
    return {
        other.id: shown_name(other) for other in shown if (other.folder / "history.csv").exists()
    }


def _compared(names: tuple[str, ...]) -> list[Compared]:
    found = []
    for name in names:
        try:
            other = runs.find(name)
        except DigitscopeError:  # deleted meanwhile: its line goes
            continue
        live = follow(other.folder)
        live.update()
        found.append(Compared(shown_name(other), live.epochs))
    return found
