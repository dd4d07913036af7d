// A grid of digits, or of other pictures: one sheet with all of them, a button over each. The arrow
// keys move between them, and beyond the first and the last to the page before and the next one.

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".digits");
  const { columns, digits, sheet, chosen, label, across: least, aspect } = data;
  const rows = Math.ceil(digits.length / columns);
  root.ariaLabel = label;
  root.style.setProperty("--least", `${least}px`);
  root.style.setProperty("--aspect", aspect);
  root.style.setProperty("--sheet", `url(${sheet})`);
  root.style.setProperty("--size", `${100 * columns}% ${100 * rows}%`);
  const active = root.getRootNode().activeElement;
  const held = root.contains(active) ? active.dataset.index : undefined;
  root.replaceChildren(...digits.map((digit, k) => button(digit, k, data)));
  const buttons = [...root.children];
  const again = buttons.find((one) => one.dataset.index === held);
  const start = Math.max(digits.findIndex((digit) => digit.index === chosen), 0);
  focusable(buttons, again ? buttons.indexOf(again) : start);
  again?.focus({ preventScroll: true });  // the buttons are new ones, the reader's place is not
  if (root.dataset.turned) buttons[root.dataset.turned === "next" ? 0 : buttons.length - 1]?.focus();
  delete root.dataset.turned;

  root.onclick = (event) => {
    const found = event.target.closest("button");
    if (found) setTriggerValue("opened", Number(found.dataset.index));
  };
  root.onkeydown = (event) => {
    const across = Math.round(root.clientWidth / buttons[0].offsetWidth);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    if (!step) return;
    event.preventDefault();
    const to = buttons.indexOf(root.getRootNode().activeElement) + step;
    if (buttons[to]) {
      focusable(buttons, to);
      buttons[to].focus();
    } else {
      root.dataset.turned = step > 0 ? "next" : "before";
      setTriggerValue("turned", step > 0 ? 1 : -1);
    }
  };
}

// Where a digit is on the sheet: 0 % is its first, 100 % its last place.
const part = (place, places) => `${places > 1 ? (100 * place) / (places - 1) : 0}%`;

function button(digit, place, { columns, digits, chosen }) {
  const rows = Math.ceil(digits.length / columns);
  const made = document.createElement("button");
  made.dataset.index = digit.index;
  made.title = made.ariaLabel = digit.words;
  made.ariaCurrent = digit.index === chosen;
  made.className = digit.wrong ? "wrong" : "";
  const picture = document.createElement("i");
  const [column, row] = [place % columns, Math.floor(place / columns)];
  picture.style.backgroundPosition = `${part(column, columns)} ${part(row, rows)}`;
  made.append(picture);
  if (digit.note) made.append(digit.note);
  return made;
}

// One of them is reached by Tab, the others from it by the arrow keys.
function focusable(buttons, chosen) {
  buttons.forEach((one, k) => { one.tabIndex = k === chosen ? 0 : -1; });
}
