"""The live charts of a training: a component that polls the server without rerunning the page."""

from pathlib import Path
from urllib.parse import quote, urlencode

import streamlit as st

from core.jobs.live_view import ChartOptions, LiveView
from core.runs.run import Run

_ADDRESS = "live"
"""Path of the endpoint that it polls (`pages/widgets/shared/live_endpoint.py`)."""

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


def live_chart(run: Run, options: ChartOptions, view: LiveView) -> None:
    """Draw the charts; the component reruns the fragment when more than the charts has changed.

    Args:
        run: The run in training.
        options: The options of the charts.
        view: What is drawn at first.
    """
    _component(
        key="watch-live",
        data={"seen": view, "source": source_of(run, options)},
        on_asked_change=lambda: None,
    )


def source_of(run: Run, options: ChartOptions) -> str:
    """Return the URL, relative to the page's, of the endpoint for a run.

    Args:
        run: The run in training.
        options: The options of the charts.

    Returns:
        The URL.
    """
    switches = {
        name: 1
        for name, is_on in [
            ("log", options.log),
            ("top", options.zoom_top),
            ("smooth", options.smooth),
        ]
        if is_on
    }
    query = urlencode([*switches.items(), *(("with", other.id) for other in options.compare)])
    return f"{_ADDRESS}/{quote(run.id, safe='')}" + (f"?{query}" if query else "")
