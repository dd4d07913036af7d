"""The drawing canvas: black ink on white in both themes, like paper."""

import hashlib
from typing import Any, Final

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit_drawable_canvas import CanvasResult, st_canvas

from core.preprocessing.image_files import decode_image

_SIDE = 280
_WIDE = 560
PAPER = 255
_PEN_WIDTHS = (4, 40)
_PEN_WIDTH = 18

# Session state of the drawing, so that it is still there after a visit to another page.
_TRIES = "canvas_tries"
_START = "canvas_start"
_STROKES = "canvas_strokes"
_PEN = "pen_width"
_TOOL = "canvas_tool"
_IS_WIDE = "canvas_wide"
DRAWING = "canvas_png"
"""Session key of the drawing: PNG bytes, None if there is none."""

_PENCIL, _ERASER = "Pen", "Eraser"
_INK, _WHITE = "#000000", "#ffffff"
_ERASER_IS: Final = 1.6  # times as wide as the pen, and at least
_ERASER_LEAST: Final = 24

# The component's toolbar is invisible, over the upper right corner of the canvas, until a mouse has
# rested on the canvas for 0.2 s. A stroke that begins there earlier, or with a finger, is lost, or
# presses a hidden button. The page's styles do not reach the component, so a script moves the
# toolbar below the canvas, where undo and redo are always visible. Buttons that would confuse
# (send, move strokes, a second clear) are hidden. A sheet wider than the screen is scaled down: the
# component maps pixels correctly at any size. Ctrl+Z and Ctrl+Y press the buttons. If a new version
# of the component has other elements, the script does nothing.
_MENDED = """<script>
(() => {
  if (window.digitscopeCanvas) return;
  window.digitscopeCanvas = true;
  const rules = `
    .dc-root { width: min(var(--sheet), var(--room)) !important; }
    .dc-scroll { overflow: visible !important; }
    .dc-container {
      width: 100% !important; height: auto !important; aspect-ratio: var(--shape);
    }
    .dc-container canvas, .dc-container .canvas-container {
      width: 100% !important; height: 100% !important;
    }
    .dc-toolbar {
      position: static !important; opacity: 1 !important; padding: 0.35rem 0 0 !important;
    }
    .dc-toolbar-card {
      box-shadow: none !important; padding: 0 !important; background: none !important;
      gap: 0.35rem;
    }
    .dc-toolbar-card > :not([aria-label=Undo]):not([aria-label=Redo]) { display: none !important; }
    .dc-icon-button {
      min-width: 2.5rem; min-height: 2.5rem !important;
      border: 1px solid var(--st-border-color) !important;
    }
    .dc-icon-button svg { width: 1.1rem !important; height: 1.1rem !important; }
    .dc-icon-button:focus-visible { outline: 2px solid var(--st-primary-color) !important; }
  `;
  const hosts = () => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")];
  const mend = () => {
    for (const { shadowRoot: root } of hosts()) {
      if (root && !root.querySelector("style[data-digitscope]")) begin(root);
      if (root) measure(root);
    }
  };
  const later = new ResizeObserver(mend);
  const begin = (root) => {
    const style = document.createElement("style");
    style.dataset.digitscope = "";
    style.textContent = rules;
    root.append(style);
    // What the component puts into its own tree, the page's observer does not see.
    const what = { childList: true, attributes: true, subtree: true, attributeFilter: ["width"] };
    new MutationObserver(() => measure(root)).observe(root, what);
  };
  const measure = (root) => {
    const [box, sheet] = [".dc-root", ".dc-canvas"].map((name) => root.querySelector(name));
    const block = root.host.closest("[data-testid=stVerticalBlock]");
    if (!box || !sheet || !block) return;
    later.observe(block);
    const [width, height] = ["width", "height"].map((name) => sheet.getAttribute(name));
    box.style.setProperty("--shape", `${width} / ${height}`);
    box.style.setProperty("--sheet", `${width}px`);
    box.style.setProperty("--room", `${block.clientWidth || width}px`);
  };
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  window.addEventListener("keydown", (event) => {
    const way = !(event.ctrlKey || event.metaKey) || event.altKey ? null
      : { z: event.shiftKey ? "Redo" : "Undo", y: "Redo" }[event.key.toLowerCase()];
    const typing = event.composedPath()[0]?.closest?.("input, textarea, [contenteditable=true]");
    const button = way && !(typing && typing.type !== "range")
      && hosts().map((host) => host.shadowRoot?.querySelector(`.dc-root [aria-label=${way}]`))
        .find(Boolean);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
  mend();
})();
</script>"""


def canvas(*, numbers: bool = False) -> NDArray[np.uint8] | None:
    """Draw the canvas with its tools.

    Args:
        numbers: Whether the visitor may switch to a sheet of twice the width.

    Returns:
        The drawing, RGB uint8 (280, 280, 3) or (280, 560, 3); None while there is none.

    Raises:
        PictureError: The browser sent something that is not a picture.
    """
    state = st.session_state
    # A new key is a new, empty canvas.
    key = f"canvas-{state.setdefault(_TRIES, 0)}"
    if key not in state:
        # The previous run did not draw the canvas: restore the drawing.
        state[_START] = state.get(_STROKES)
    width = _WIDE if numbers and wide_sheet() else _SIDE
    # The canvas comes before its tools, so that it does not move when they change.
    pen, erases = state.get(_PEN, _PEN_WIDTH), state.get(_TOOL) == _ERASER
    result = st_canvas(
        # The component has no eraser: white strokes, which undo removes like all others.
        stroke_width=max(round(_ERASER_IS * pen), _ERASER_LEAST) if erases else pen,
        stroke_color=_WHITE if erases else _INK,
        background_color=_WHITE,
        height=_SIDE,
        width=width,
        return_image_data=True,
        initial_drawing=state.get(_START),
        key=key,
    )
    st.html(_MENDED, unsafe_allow_javascript=True)
    _tools(numbers=numbers)
    _keep(result)
    png = state.get(DRAWING)
    return _on_sheet(decode_image(png, "The drawing").pixels, width) if png else None


def drawing_key() -> str:
    """Return a key of the current drawing; it changes with each stroke."""
    png = st.session_state.get(DRAWING) or b""
    return f"drawing-{hashlib.sha256(png).hexdigest()[:16]}"


def wide_sheet() -> bool:
    """Return whether the wide sheet is switched on, which needs more room on the page."""
    return bool(st.session_state.get(_IS_WIDE))


def _tools(*, numbers: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.segmented_control(
            "Tool",
            [_PENCIL, _ERASER],
            default=None if _TOOL in st.session_state else _PENCIL,
            required=True,
            key=_TOOL,
            label_visibility="collapsed",
        )
        st.button("Clear", icon=":material/delete:", on_click=_clear)
        # Folded away: on a phone, the answer stands below them, and must be seen.
        with st.popover("More", help="The width of the pen and of the sheet"):
            _pen_and_sheet(numbers=numbers)


def _pen_and_sheet(*, numbers: bool) -> None:
    st.slider("Pen width", *_PEN_WIDTHS, _PEN_WIDTH, format="%d px", key=_PEN)
    if numbers:
        st.toggle(
            "Wide sheet, for a number",
            key=_IS_WIDE,
            persist_state="session",
            help="Digits that stand side by side are read as a number, on the small sheet too.",
        )


def _on_sheet(drawn: NDArray[np.uint8], width: int) -> NDArray[np.uint8] | None:
    """Pad or crop the drawing to the width of the current sheet.

    Returns:
        The drawing; None if the eraser has removed everything.
    """
    missing = width - drawn.shape[1]
    if missing > 0:
        drawn = np.asarray(
            cv2.copyMakeBorder(drawn, 0, 0, 0, missing, cv2.BORDER_CONSTANT, value=(PAPER,) * 3),
            np.uint8,
        )
    shown = drawn[:, :width]
    return None if shown.min() == PAPER else shown


def _keep(result: CanvasResult) -> None:
    """Store what the browser sent; it sends nothing until the first stroke on this canvas."""
    sent: Any = result.json_data
    png = result.image_bytes
    if png is None or not isinstance(sent, dict):
        return
    drawn = bool(sent.get("objects"))  # undo may have taken the last stroke back
    st.session_state[_STROKES] = sent if drawn else None
    st.session_state[DRAWING] = png if drawn else None


def _clear() -> None:
    st.session_state.update({_TRIES: st.session_state[_TRIES] + 1, _STROKES: None, DRAWING: None})
    st.session_state[_TOOL] = _PENCIL
