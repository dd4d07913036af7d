// A picture of one value a pixel: a click chooses one, the arrow keys move the choice.

const PAUSE_MS = 150;  // after the last arrow key, before the page is told

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".pixels");
  const { rows, columns, chosen, box } = data;
  root.style.backgroundImage = `url(${data.picture})`;
  root.style.maxWidth = `${data.width}px`;
  root.style.aspectRatio = `${columns} / ${rows}`;
  root.ariaLabel = data.label;
  root.ariaValueMin = 0;
  root.ariaValueMax = rows * columns - 1;
  lay(root.querySelector("b"), box, data);
  let place = chosen;
  mark();

  function mark() {
    lay(root.querySelector("i"), place && [...place, 1, 1], data);
    root.ariaValueNow = place ? place[0] * columns + place[1] : 0;
    root.ariaValueText = place ? `row ${place[0]}, column ${place[1]}` : "nothing chosen";
  }

  root.onclick = (event) => {
    const area = root.getBoundingClientRect();
    place = [
      within((event.clientY - area.top) / area.height, rows),
      within((event.clientX - area.left) / area.width, columns),
    ];
    mark();
    setTriggerValue("opened", place);
  };
  root.onkeydown = (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const way = step[event.key];
    if (!way) return;
    event.preventDefault();
    const [row, column] = place ?? [0, 0];
    place = [
      Math.min(Math.max(row + way[0], 0), rows - 1),
      Math.min(Math.max(column + way[1], 0), columns - 1),
    ];
    mark();
    clearTimeout(root.waiting);
    root.waiting = setTimeout(() => setTriggerValue("opened", place), PAUSE_MS);
  };
}

const within = (part, count) => Math.min(Math.max(Math.floor(part * count), 0), count - 1);

// Put a frame on [row, column, rows, columns] of the picture; none, if there is nothing to frame.
function lay(frame, at, { rows, columns }) {
  frame.hidden = !at;
  if (!at) return;
  frame.style.top = `${(100 * at[0]) / rows}%`;
  frame.style.left = `${(100 * at[1]) / columns}%`;
  frame.style.height = `${(100 * at[2]) / rows}%`;
  frame.style.width = `${(100 * at[3]) / columns}%`;
}
