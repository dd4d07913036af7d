// A network as a list of steps, each a button with pictures; the small layers between two steps are
// buttons on the way from one to the next.

export default function ({ parentElement, data, setTriggerValue }) {
  const list = parentElement.querySelector("ol");
  const held = list.getRootNode().activeElement?.dataset?.name;
  list.replaceChildren(...data.stages.flatMap((stage) => step(stage, data.chosen)));
  if (held) [...list.querySelectorAll("button")].find((one) => one.dataset.name === held)?.focus();
  list.onclick = (event) => {
    const found = event.target.closest("button");
    if (found) setTriggerValue("opened", found.dataset.name);
  };
}

function step(stage, chosen) {
  const item = made("li", "step");
  const box = stage.name ? button(stage.name, "card", chosen) : made("div", "card");
  const words = made("div", "words");
  words.append(made("b", "", stage.title), made("span", "", stage.facts));
  box.append(words);
  if (stage.pictures.length) {
    const room = made("div", "pictures");
    room.append(...stage.pictures.map(picture));
    box.append(room);
  }
  if (stage.bars.length) box.append(bars(stage.bars));
  item.append(box);
  return [item, ...way(stage.then, chosen, stage.bars.length > 0)];
}

function way(layers, chosen, last) {
  if (last) return [];
  const item = made("li", "way");
  item.append(made("span", "arrow", "↓"));
  for (const [name, words] of layers) {
    const one = button(name, "small", chosen);
    one.textContent = words;
    one.title = name;
    item.append(one);
  }
  return [item];
}

function picture({ url, width, words }) {
  const image = made("img");
  image.src = url;
  image.alt = image.title = words;
  image.style.width = `${width}px`;
  return image;
}

function bars(all) {
  const room = made("div", "bars");
  for (const { digit, part, words, answer } of all) {
    const line = made("div", answer ? "bar answer" : "bar");
    const track = made("i");
    const fill = made("i");
    fill.style.width = `${100 * part}%`;
    track.append(fill);
    line.append(made("span", "", digit), track, made("span", "", words));
    room.append(line);
  }
  return room;
}

function button(name, kind, chosen) {
  const one = made("button", kind);
  one.dataset.name = name;
  one.ariaCurrent = name === chosen;
  return one;
}

function made(tag, name = "", text = "") {
  const one = document.createElement(tag);
  one.className = name;
  one.textContent = text;
  return one;
}
