"""The part of a watched training that moves: a component that asks the server for news itself."""

from pathlib import Path
from urllib.parse import quote, urlencode

import streamlit as st

from core.jobs.live_view import ChartOptions, LiveView
from core.runs.run import Run

ADDRESS = "live"
"""Where the server answers with what is to be shown (`pages/widgets/shared/live_endpoint.py`)."""

_HERE = Path(__file__).parent
_HTML = """<div class="live">
  <p class="verdict"><b></b><span></span></p>
  <div class="bar" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100">
    <div class="done"></div>
  </div>
  <div class="words"></div>
  <div class="charts"></div>
  <p class="caption"></p>
</div>"""
_component = st.components.v2.component(
    "digitscope_live",
    html=_HTML,
    css=(_HERE / "live_chart.css").read_text(encoding="utf-8"),
    js=(_HERE / "live_chart.js").read_text(encoding="utf-8"),
)


def live_chart(run: Run, drawn: ChartOptions, seen: LiveView) -> None:
    """Draw what is `seen`; the component reruns the fragment when more than itself has changed."""
    _component(
        key="watch-live",
        data={"seen": seen, "source": source_of(run, drawn)},
        on_asked_change=lambda: None,
    )


def source_of(run: Run, drawn: ChartOptions) -> str:
    """The address, relative to the page's, that tells the news of a run."""
    how = {
        name: 1
        for name, wanted in [
            ("log", drawn.log),
            ("top", drawn.zoom_top),
            ("smooth", drawn.smooth),
        ]
        if wanted
    }
    query = urlencode([*how.items(), *(("with", other.id) for other in drawn.compare)])
    return f"{ADDRESS}/{quote(run.id, safe='')}" + (f"?{query}" if query else "")
