"""The choice of a member, where a page shows layers: an ensemble has none of its own."""

import streamlit as st

from core.runs.registry import read_members
from core.runs.run import Network
from pages.widgets.shared.markdown import plain


def choose_member(network: Network, key: str) -> Network:
    """Draw the choice of an ensemble's member; nothing for any other run.

    Args:
        network: the network of the run in use.
        key: of the choice; it is kept while the visitor moves between pages.

    Returns:
        The network of the chosen member; `network` itself if it is of no ensemble.

    Raises:
        RunError: a member's copy cannot be read.
    """
    members = {member.id: member for member in read_members(network.run)}
    if not members:
        return network
    if st.session_state.get(key) not in {None, *members}:
        del st.session_state[key]
    chosen = st.selectbox(
        "Member",
        list(members),
        key=key,
        persist_state="session",
        width=320,
        help=f"{plain(network.run.id)} is an ensemble: it averages the answers of its members and "
        "has no layers of its own. Look into one of them.",
    )
    return Network(members[chosen])
