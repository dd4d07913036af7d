"""A card for each shipped run: its description, its accuracy, and its tutorial's figure."""

from collections.abc import Sequence

import streamlit as st

from core.recipes.presets import PRESETS, Preset
from core.runs.run import BrokenRun, Run
from core.utils.text import duration
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages


def run_cards(shipped: Sequence[Run | BrokenRun]) -> None:
    """Draw the cards in the order of the presets, each with a link to the Predict page.

    Args:
        shipped: the shipped runs, damaged ones included.
    """
    order = list(PRESETS)
    ordered = sorted(
        shipped, key=lambda run: order.index(run.id) if run.id in order else len(order)
    )
    with st.grid(min_column_width=300, gap="small"):
        for run in ordered:
            with st.container(border=True, key=f"card-{run.id}", height="stretch"):
                if isinstance(run, BrokenRun):
                    st.subheader(run.id, anchor=False)
                    st.error(plain(run.problem))
                else:
                    _card(run, PRESETS.get(run.id))


def _card(run: Run, preset: Preset | None) -> None:
    st.subheader(run.id, anchor=False)
    if preset:
        st.write(preset.about)
    if headline := run.info.headline():
        st.markdown(f"**{headline[1]}**")
    parameters = run.info.parameters
    st.caption(f"{parameters:,} parameters, trained in {duration(run.info.seconds)}")
    if preset and preset.tutorial:
        tutorial = preset.tutorial
        year = f", {tutorial.year}" if tutorial.year else ""
        st.caption(
            f"{tutorial.author}, “{tutorial.title}”{year}. {tutorial.source} Its own figure: "
            f"{tutorial.figure}."
        )
        st.caption(tutorial.remark)
    st.page_link(
        pages()["predict"],
        label="Try it",
        icon=":material/arrow_forward:",
        query_params={"run": run.id},
    )
