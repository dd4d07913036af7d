"""The drawing canvas: black ink on white in both themes, like paper."""

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit_drawable_canvas import CanvasResult, st_canvas

from core.pictures import decode

SIDE = 280
PAPER = 255
PEN_WIDTHS = (4, 40)
PEN_WIDTH = 18

# What a visitor's session keeps of the drawing, so that it is there again after a look elsewhere.
_TRIES = "canvas_tries"
_START = "canvas_start"
_STROKES = "canvas_strokes"
_PEN = "pen_width"
DRAWING = "canvas_png"
"""What a session keeps of the drawing: a PNG, None if there is none."""

# The component's toolbar lies, unseen, over the canvas' upper right corner until a mouse has rested
# on the canvas for 0.2 s: a stroke that begins there at once, or with a finger, is lost, or presses
# an unseen button. Its styles are shut off from the page's, so a script has to put it above the
# canvas, where it otherwise slides to. If the component changes, nothing happens.
_TOOLBAR_ABOVE = """<script>
(() => {
  if (window.digitscopeToolbar) return;
  window.digitscopeToolbar = true;
  const rules = `
    .dc-toolbar { top: -2.65rem !important; opacity: 1 !important; pointer-events: none; }
    .dc-toolbar-card { pointer-events: auto; }  /* its margin reaches into the canvas */
  `;
  const mend = () => {
    for (const host of document.querySelectorAll("[data-testid=stBidiComponentIsolated]")) {
      const root = host.shadowRoot;
      if (!root || root.querySelector("style[data-digitscope]")) continue;
      const style = document.createElement("style");
      style.dataset.digitscope = "";
      style.textContent = rules;
      root.append(style);
    }
  };
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
})();
</script>"""


def canvas() -> NDArray[np.uint8] | None:
    """Draw the canvas with its pen width and clear button.

    Returns the drawing, uint8 (280, 280, 3) RGB, or None while there is none. Raises PictureError
    if what the browser sent is no picture.
    """
    state = st.session_state
    # A new key is a new, empty canvas.
    key = f"canvas-{state.setdefault(_TRIES, 0)}"
    if key not in state:
        # The canvas was not on the last page: it comes back with what was on it.
        state[_START] = state.get(_STROKES)
    # Drawn before its slider, which stands below it: the toolbar needs the room above.
    pen = state.get(_PEN, PEN_WIDTH)
    result = st_canvas(
        stroke_width=pen,
        stroke_color="#000000",
        background_color="#ffffff",
        height=SIDE,
        width=SIDE,
        return_image_data=True,
        initial_drawing=state.get(_START),
        key=key,
    )
    st.html(_TOOLBAR_ABOVE, unsafe_allow_javascript=True)
    st.slider("Pen width", *PEN_WIDTHS, PEN_WIDTH, format="%d px", key=_PEN, width=SIDE)
    st.button("Clear", icon=":material/delete:", on_click=_clear)
    _keep(result)
    png = state.get(DRAWING)
    return decode(png, "The drawing").pixels if png else None


def _keep(result: CanvasResult) -> None:
    """Keep what the browser sent; it sends nothing until the first stroke on this canvas."""
    sent: Any = result.json_data
    png = result.image_bytes
    if png is None or not isinstance(sent, dict):
        return
    drawn = bool(sent.get("objects"))  # undo may have taken the last stroke back
    st.session_state[_STROKES] = sent if drawn else None
    st.session_state[DRAWING] = png if drawn else None


def _clear() -> None:
    st.session_state.update({_TRIES: st.session_state[_TRIES] + 1, _STROKES: None, DRAWING: None})
