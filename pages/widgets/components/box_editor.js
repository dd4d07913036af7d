// A picture with boxes: press one to choose it, drag it or its corners, draw a new one. By keys:
// arrows move the box that has the focus, with Shift they change its size, Delete removes it.

const PAUSE_MS = 600;  // after the last arrow key, before the page is told
const A_DRAG_PX = 4;  // less is a press
const CORNERS = ["nw", "ne", "sw", "se"];
const HINT = "Press a box to choose it; drag it or its corners to correct it.";
const DRAWING_HINT = "Draw a box around one digit.";

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".boxes");
  const layer = root.querySelector(".layer");
  const image = root.querySelector("img");
  const [fresh, drop, hint] = ["new", "drop", "hint"].map((name) => root.querySelector(`.${name}`));
  const { width, height } = data;
  const boxes = data.boxes.map((one) => [...one.box]);
  const least = Math.max(4, Math.round(Math.max(width, height) / 200));
  let chosen = data.chosen;
  let drag = null;
  clearTimeout(root.waiting);
  if (image.dataset.shown !== data.picture) {
    image.src = image.dataset.shown = data.picture;
    image.style.aspectRatio = `${width} / ${height}`;
    image.alt = `Your picture, ${count(boxes.length)} found in it`;
    drawing(false);
  }
  layer.ariaLabel = "Digits found in the picture";
  build();

  function build() {
    const active = root.getRootNode().activeElement;
    const held = layer.contains(active) ? Number(active.dataset.index) : -1;
    layer.replaceChildren(...data.signs.map(signOf), ...boxes.map(boxOf));
    mark();
    // The buttons are new ones, the reader's place is not.
    if (held >= 0) layer.querySelector(`.box[aria-pressed="true"]`)?.focus({ preventScroll: true });
  }

  function boxOf(box, index) {
    const { tag, words, kind } = data.boxes[index];
    const made = document.createElement("button");
    made.dataset.index = index;
    made.className = `box ${kind}`;
    made.title = made.ariaLabel = words;
    const label = document.createElement("span");
    label.className = "tag";
    const number = document.createElement("small");
    number.textContent = index + 1;
    label.append(...(boxes.length > 1 ? [number] : []), tag);
    made.append(label);
    lay(made, box);
    return made;
  }

  function signOf({ box, tag, words }) {
    const made = document.createElement("span");
    made.className = "sign";
    made.role = "img";
    made.ariaLabel = words;
    const label = document.createElement("span");
    label.textContent = tag;
    made.append(label);
    lay(made, box);
    return made;
  }

  function mark() {
    for (const one of layer.querySelectorAll(".box")) {
      const is = Number(one.dataset.index) === chosen;
      one.ariaPressed = is;
      one.querySelectorAll(".handle").forEach((handle) => handle.remove());
      if (is) one.append(...CORNERS.map(handleOf));
    }
    drop.disabled = chosen === null || !boxes[chosen];
  }

  function handleOf(corner) {
    const made = document.createElement("span");
    made.className = "handle";
    made.dataset.corner = corner;
    made.style[corner[0] === "n" ? "top" : "bottom"] = 0;
    made.style[corner[1] === "w" ? "left" : "right"] = 0;
    made.style.cursor = `${corner}-resize`;
    return made;
  }

  function lay(frame, [x, y, w, h]) {
    frame.style.left = `${(100 * x) / width}%`;
    frame.style.top = `${(100 * y) / height}%`;
    frame.style.width = `${(100 * w) / width}%`;
    frame.style.height = `${(100 * h) / height}%`;
    frame.classList.toggle("low", y < 0.06 * height);
  }

  function drawing(on) {
    layer.classList.toggle("drawing", on);
    fresh.ariaPressed = on;
    hint.textContent = on ? DRAWING_HINT : HINT;
  }

  function at(event) {
    const area = layer.getBoundingClientRect();
    return [
      clamp(((event.clientX - area.left) / area.width) * width, 0, width),
      clamp(((event.clientY - area.top) / area.height) * height, 0, height),
    ];
  }

  function choose(index) {
    chosen = index;
    mark();
    setTriggerValue("opened", [index]);
  }

  function tellMoved(index) {
    setTriggerValue("moved", [index, ...boxes[index].map(Math.round)]);
  }

  fresh.onclick = () => drawing(!layer.classList.contains("drawing"));
  drop.onclick = () => remove(chosen);

  function remove(index) {
    if (index === null || !boxes[index]) return;
    clearTimeout(root.waiting);
    setTriggerValue("removed", [index]);
  }

  layer.onpointerdown = (event) => {
    if (event.button !== 0 || drag) return;
    const found = event.target.closest(".box");
    const index = found ? Number(found.dataset.index) : null;
    const draws = layer.classList.contains("drawing");
    const mouse = event.pointerType === "mouse";
    if (!found && !draws && !mouse) return;  // a finger scrolls the page
    drag = {
      from: at(event), x: event.clientX, y: event.clientY, index: draws ? null : index, far: false,
      corner: event.target.closest(".handle")?.dataset.corner,
      start: index === null || draws ? null : [...boxes[index]],
      // A finger on a box that is not chosen may be on its way to scroll the page.
      fixed: !draws && found && !mouse && index !== chosen,
    };
    if (!drag.fixed) layer.setPointerCapture(event.pointerId);
  };

  layer.onpointermove = (event) => {
    if (!drag || drag.fixed) return;
    drag.far ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > A_DRAG_PX;
    if (!drag.far) return;
    const [x, y] = at(event);
    if (drag.index === null) {
      drag.made ??= layer.appendChild(Object.assign(document.createElement("div"), { className: "made" }));
      drag.box = between(drag.from, [x, y]);
      lay(drag.made, drag.box);
      return;
    }
    const by = [x - drag.from[0], y - drag.from[1]];
    boxes[drag.index] = drag.corner ? stretched(drag.start, drag.corner, by) : shifted(drag.start, by);
    lay(layer.querySelector(`.box[data-index="${drag.index}"]`), boxes[drag.index]);
  };

  layer.onpointerup = () => {
    const done = drag;
    drag = null;
    if (!done) return;
    done.made?.remove();
    if (done.index === null) {
      const [, , w, h] = done.box ?? [0, 0, 0, 0];
      if (w < least || h < least) return;
      drawing(false);
      setTriggerValue("added", done.box.map(Math.round));
    } else if (done.far && !done.fixed) {
      chosen = done.index;
      mark();
      tellMoved(done.index);
    } else {
      choose(done.index);
    }
  };

  layer.onpointercancel = () => {
    drag?.made?.remove();
    drag = null;
  };

  layer.onclick = (event) => {
    const found = event.target.closest(".box");
    // A mouse has been heard above; Enter, a space and screen readers come as clicks of no place.
    if (found && event.detail === 0) choose(Number(found.dataset.index));
  };

  layer.onkeydown = (event) => {
    const found = event.target.closest(".box");
    if (!found) return;
    const index = Number(found.dataset.index);
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      remove(index);
      return;
    }
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    const by = way.map((part) => part * least);
    boxes[index] = event.shiftKey ? stretched(boxes[index], "se", by) : shifted(boxes[index], by);
    lay(found, boxes[index]);
    clearTimeout(root.waiting);
    root.waiting = setTimeout(() => {
      chosen = index;
      tellMoved(index);
    }, PAUSE_MS);
  };

  function shifted([x, y, w, h], [dx, dy]) {
    return [clamp(x + dx, 0, width - w), clamp(y + dy, 0, height - h), w, h];
  }

  function stretched([x, y, w, h], corner, [dx, dy]) {
    let [left, top, right, bottom] = [x, y, x + w, y + h];
    if (corner[1] === "w") left = clamp(left + dx, 0, right - least);
    else right = clamp(right + dx, left + least, width);
    if (corner[0] === "n") top = clamp(top + dy, 0, bottom - least);
    else bottom = clamp(bottom + dy, top + least, height);
    return [left, top, right - left, bottom - top];
  }
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const count = (n) => (n === 1 ? "1 digit" : `${n} digits`);

function between([ax, ay], [bx, by]) {
  return [Math.min(ax, bx), Math.min(ay, by), Math.abs(ax - bx), Math.abs(ay - by)];
}
