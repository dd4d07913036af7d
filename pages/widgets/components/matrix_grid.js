// A confusion matrix as a table of buttons: each cell, and the label of each row and column. The
// arrow keys move between them.

const STRONGEST = 65;  // percent of the color: text stays readable on it, in both themes

export default function ({ parentElement, data, setTriggerValue }) {
  const table = parentElement.querySelector("table");
  const held = table.contains(table.getRootNode().activeElement)
    ? table.getRootNode().activeElement.dataset.place : null;
  table.ariaLabel = data.label;
  table.replaceChildren(head(data), ...data.rows.map((cells, k) => row(cells, data.down[k])));
  table.append(foot(data.across));
  const chosen = data.chosen ? placed(...data.chosen) : null;
  const buttons = [...table.querySelectorAll("button")];
  for (const one of buttons) one.ariaPressed = one.dataset.place === chosen;
  const start = buttons.find((one) => one.dataset.place === (held ?? chosen)) ?? buttons[0];
  focusable(buttons, start);
  if (held) start.focus();

  table.onclick = (event) => {
    const found = event.target.closest("button");
    if (found) setTriggerValue("opened", JSON.parse(found.dataset.place));
  };
  table.onkeydown = (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const way = step[event.key];
    const here = event.target.closest("td, th");
    if (!way || !here) return;
    event.preventDefault();
    const line = table.rows[here.parentElement.rowIndex + way[0]];
    const next = line?.cells[here.cellIndex + way[1]]?.querySelector("button");
    if (!next) return;
    focusable(buttons, next);
    next.focus();
  };
}

const placed = (down, across) => JSON.stringify([down, across]);

function head({ rows }) {
  const line = document.createElement("tr");
  line.append(told("th", "axis", "read →\ntrue ↓"));
  for (const cell of rows[0]) line.append(labeled(cell.read, [null, cell.read], "answers"));
  line.append(told("th", "total", "all"));
  return line;
}

function row(cells, total) {
  const line = document.createElement("tr");
  line.append(labeled(cells[0].true, [cells[0].true, null], "label"));
  for (const cell of cells) {
    const box = document.createElement("td");
    box.className = cell.good ? "good" : "bad";
    const made = button(cell.text, cell.sentence, [cell.true, cell.read]);
    made.style.setProperty("--heat", `${STRONGEST * cell.heat}%`);
    box.append(made);
    line.append(box);
  }
  line.append(told("td", "total", total));
  return line;
}

function foot(across) {
  const line = document.createElement("tr");
  line.append(told("th", "total", "all"), ...across.map((sum) => told("td", "total", sum)));
  line.append(told("td", "total", ""));
  return line;
}

function labeled(digit, place, what) {
  const box = document.createElement("th");
  const words = what === "label" ? `all digits labeled ${digit}` : `all digits read as ${digit}`;
  box.append(button(String(digit), words, place));
  return box;
}

function button(text, words, place) {
  const made = document.createElement("button");
  made.textContent = text;
  made.title = made.ariaLabel = words;
  made.dataset.place = placed(...place);
  return made;
}

function told(kind, name, text) {
  const box = document.createElement(kind);
  box.className = name;
  box.textContent = text;
  return box;
}

// One of them is reached by Tab, the others from it by the arrow keys.
function focusable(buttons, chosen) {
  for (const one of buttons) one.tabIndex = one === chosen ? 0 : -1;
}
