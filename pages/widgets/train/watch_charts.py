"""The options of the live charts of a training."""

import streamlit as st

from core.jobs.live_view import MAX_COMPARED, ChartOptions
from core.runs import registry
from core.runs.permissions import shown_name
from core.runs.run import Run


def chart_options(run: Run) -> ChartOptions:
    """Draw the options of the charts, and return them.

    Args:
        run: the run that is watched, which is not offered for comparison.
    """
    others = _others(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        log = st.toggle("Logarithmic loss", key="watch-log", persist_state="session")
        zoom = st.toggle("Zoom in on high accuracy", key="watch-zoom", persist_state="session")
        smooth = st.toggle(
            "Smooth",
            key="watch-smooth",
            persist_state="session",
            help="Average the thin line over a twentieth of its points. It is easier to read, "
            "but hides how much batches differ.",
        )
    compare = st.multiselect(
        "Compare with",
        list(others),
        format_func=lambda name: shown_name(others[name]) if name in others else name,
        max_selections=MAX_COMPARED,
        placeholder="Compare with up to two other runs",
        key=f"watch-compare-{run.id}",
        label_visibility="collapsed",
    )
    return ChartOptions(
        log, zoom, smooth, tuple(others[name] for name in compare if name in others)
    )


def _others(run: Run) -> dict[str, Run]:
    """Return the other runs that have a history, by id, the newest first."""
    candidates = [
        other for other in registry.list_runs() if isinstance(other, Run) and other.id != run.id
    ]
    shown = sorted(candidates, key=lambda other: other.info.created, reverse=True)
    return {other.id: other for other in shown if (other.folder / "history.csv").exists()}
