// Draws a training while it runs: a progress bar, its text, and the charts of
// core/jobs/live_view.py. It polls the server itself, about once a second, since a rerun of the
// page's script costs the training some forty milliseconds.

const EVERY_MS = 900;  // drawing takes time too, and one update a second is to hold
// How long at least between redrawings of what is not urgent, such as the kernels of every epoch: at
// first every moment shows something new, later on hardly any does.
const SELDOM_MS = [2000, 10000];
const SLOWER = 1.5;
const PATIENCE_MS = 3000;  // until the page is asked again, if nothing came of it
const SMALLEST_PX = 12;

export default function ({ parentElement, data, setTriggerValue }) {
  const view = (parentElement.digitscope ??= makeView(parentElement));
  view.ask = (stamp) => setTriggerValue("asked", stamp);
  view.data = data;
  show(view, data.seen);
  clearTimeout(view.timer);
  if (data.seen.alive) view.timer = setTimeout(() => poll(view), EVERY_MS);
  return () => clearTimeout(view.timer);
}

function makeView(root) {
  const part = (name) => root.querySelector(`.${name}`);
  const view = {
    root, bar: part("bar"), done: part("done"), words: part("words"), charts: part("charts"),
    caption: part("caption"), verdict: part("verdict"), figures: [], timer: 0,
    asked: 0, redrawn: Date.now(), seldom: SELDOM_MS[0],
  };
  new ResizeObserver(() => draw(view)).observe(view.charts);
  return view;
}

// ------------------------------------------------------------------------------------------ news

async function poll(view) {
  const data = view.data;
  try {
    if (!document.hidden) await hear(view, data);
  } catch {
    // The server is away; Streamlit says so, and this goes on when it is back.
  }
  if (view.data === data && view.seen.alive && view.root.isConnected) {
    clearTimeout(view.timer);
    view.timer = setTimeout(() => poll(view), EVERY_MS);
  }
}

async function hear(view, data) {
  const answer = await fetch(data.source, { cache: "no-store" });
  const isNews = answer.headers.get("content-type")?.includes("json");
  if (!isNews) {  // a server without this address: the page itself brings the news then
    ask(view, String(Date.now()));
    return;
  }
  const news = await answer.json();
  if (view.data !== data) return;  // the page was redrawn meanwhile
  const old = data.seen;
  if (!answer.ok || news.now !== old.now) ask(view, news.now ?? "gone");
  else if (news.soon !== old.soon && Date.now() - view.redrawn > view.seldom) {
    ask(view, news.soon);
    view.seldom = Math.min(view.seldom * SLOWER, SELDOM_MS[1]);
  }
  if (answer.ok) show(view, news);
}

function ask(view, stamp) {
  if (Date.now() - view.asked < PATIENCE_MS && view.stamp === stamp) return;
  view.asked = view.redrawn = Date.now();
  view.stamp = stamp;
  view.ask(stamp);
}

// ------------------------------------------------------------------------------------- the words

function show(view, seen) {
  view.seen = seen;
  view.verdict.hidden = !seen.verdict.length;
  seen.verdict.forEach((words, k) => setText(view.verdict.children[k], words));
  view.bar.hidden = seen.progress === null;
  view.done.style.transform = `scaleX(${seen.progress ?? 0})`;
  view.bar.setAttribute("aria-valuenow", Math.round(100 * (seen.progress ?? 0)));
  setLines(view.words, seen.words);
  setText(view.caption, seen.caption);
  while (view.figures.length > seen.charts.length) view.figures.pop().figure.remove();
  while (view.figures.length < seen.charts.length) view.figures.push(makeFigure(view));
  seen.charts.forEach((chart, k) => setLegend(view.figures[k], chart));
  draw(view);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setLines(node, lines) {
  while (node.children.length > lines.length) node.lastChild.remove();
  while (node.children.length < lines.length) node.append(document.createElement("p"));
  lines.forEach((line, k) => setText(node.children[k], line));
}

function makeFigure(view) {
  const figure = document.createElement("figure");
  figure.innerHTML =
    '<figcaption><b></b><span class="legend"></span></figcaption>' +
    '<div class="plot"><canvas role="img"></canvas><div class="tip" hidden></div></div>';
  view.charts.append(figure);
  const part = (name) => figure.querySelector(name);
  const one = {
    figure, title: part("b"), legend: part(".legend"), plot: part(".plot"),
    canvas: part("canvas"), tip: part(".tip"),
  };
  const point = (event) => pointAt(one, event);
  one.canvas.addEventListener("pointermove", point);
  one.canvas.addEventListener("pointerdown", point);
  one.canvas.addEventListener("pointerleave", () => { one.tip.hidden = true; });
  return one;
}

function setLegend(one, chart) {
  one.chart = chart;
  setText(one.title, chart.title);
  const entries = [...chart.lines].reverse();
  const names = JSON.stringify(entries.map((line) => line.name));
  if (one.names === names) return;
  one.names = names;
  one.legend.replaceChildren(...entries.map(legendEntry));
}

function legendEntry(line) {
  const entry = document.createElement("span");
  const sample = document.createElement("canvas");
  sample.setAttribute("aria-hidden", "true");
  const [width, height, sharp] = [26, 10, devicePixelRatio || 1];
  sample.width = width * sharp;
  sample.height = height * sharp;
  sample.style.cssText = `width:${width}px;height:${height}px`;
  const pen = sample.getContext("2d");
  pen.scale(sharp, sharp);
  drawLine(pen, { ...line, points: [[0, 0], [1, 0]] }, (x) => x * width, () => height / 2, false);
  drawSymbol(pen, line, width / 2, height / 2);
  entry.append(sample, line.name);
  return entry;
}

// ------------------------------------------------------------------------------------ the charts

function draw(view) {
  const style = getComputedStyle(view.root.host ?? view.root);
  const look = {
    text: style.getPropertyValue("--st-text-color").trim() || "#444",
    font: style.getPropertyValue("--st-font").trim() || "sans-serif",
  };
  view.figures.forEach((one) => drawChart(one, look));
}

function drawChart(one, look) {
  const { chart, canvas } = one;
  const [width, height] = [one.plot.clientWidth, one.plot.clientHeight];
  if (!width || !height) return;
  const sharp = devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * sharp), Math.round(height * sharp)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  canvas.setAttribute("aria-label", inWords(chart));
  const pen = canvas.getContext("2d");
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `${SMALLEST_PX}px ${look.font}`;
  const labels = chart.y.ticks.map((tick) => String(tick));
  const left = Math.max(...labels.map((label) => pen.measureText(label).width)) + 8;
  const box = { left, right: width - 14, top: chart.marks.length ? 20 : 8, bottom: height - 38 };
  const x = (value) => box.left + (value / chart.x.high) * (box.right - box.left);
  const y = (value) => box.bottom - share(value, chart.y) * (box.bottom - box.top);
  one.x = x;
  drawAxes(pen, chart, box, x, y, look);
  drawMarks(pen, chart, box, x, look);
  pen.save();
  pen.beginPath();
  pen.rect(box.left - 6, box.top - 6, box.right - box.left + 12, box.bottom - box.top + 12);
  pen.clip();
  chart.lines.forEach((line) => drawLine(pen, line, x, y, true));
  pen.restore();
}

function share(value, axis) {
  const scale = axis.log ? Math.log : (it) => it;
  return (scale(value) - scale(axis.low)) / (scale(axis.high) - scale(axis.low));
}

function drawAxes(pen, chart, box, x, y, look) {
  pen.lineWidth = 1;
  pen.strokeStyle = pen.fillStyle = look.text;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const tick of chart.y.ticks) {
    pen.globalAlpha = 0.15;
    rule(pen, box.left, y(tick), box.right, y(tick));
    pen.globalAlpha = 0.75;
    pen.fillText(String(tick), box.left - 6, y(tick));
  }
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const tick of chart.x.ticks) {
    pen.globalAlpha = 0.5;
    rule(pen, x(tick), box.bottom, x(tick), box.bottom + 4);
    pen.globalAlpha = 0.75;
    pen.fillText(String(tick), x(tick), box.bottom + 7);
  }
  pen.globalAlpha = 0.5;
  rule(pen, box.left, box.bottom, box.right, box.bottom);
  pen.globalAlpha = 0.75;
  pen.fillText("epochs", (box.left + box.right) / 2, box.bottom + 23);
  pen.globalAlpha = 1;
}

function rule(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  pen.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  pen.stroke();
}

function drawMarks(pen, chart, box, x, look) {
  pen.strokeStyle = pen.fillStyle = look.text;
  pen.textBaseline = "top";
  for (const mark of chart.marks) {
    pen.globalAlpha = 0.6;
    pen.setLineDash([2, 3]);
    rule(pen, x(mark.x), box.top, x(mark.x), box.bottom);
    pen.globalAlpha = 1;
    const half = pen.measureText(mark.name).width / 2;
    const middle = Math.min(Math.max(x(mark.x), box.left + half), box.right - half);
    pen.textAlign = "center";
    pen.fillText(mark.name, middle, box.top - 18);
  }
  pen.setLineDash([]);
}

function drawLine(pen, line, x, y, withSymbols) {
  pen.globalAlpha = line.opacity;
  pen.strokeStyle = line.color;
  pen.lineWidth = line.width;
  pen.lineJoin = "round";
  pen.setLineDash(line.dashes);
  pen.beginPath();
  let isDown = false;
  for (const [a, b] of line.points) {
    if (b !== null) isDown ? pen.lineTo(x(a), y(b)) : pen.moveTo(x(a), y(b));
    isDown = b !== null;
  }
  pen.stroke();
  pen.setLineDash([]);
  if (withSymbols && line.symbol) {
    for (const [a, b] of line.points) if (b !== null) drawSymbol(pen, line, x(a), y(b));
  }
  pen.globalAlpha = 1;
}

function drawSymbol(pen, line, x, y) {
  const r = { circle: 3, diamond: 4.5, triangle: 4, square: 3 }[line.symbol];
  if (!r) return;
  pen.globalAlpha = line.opacity;
  pen.fillStyle = line.color;
  pen.beginPath();
  if (line.symbol === "circle") pen.arc(x, y, r, 0, 2 * Math.PI);
  else if (line.symbol === "square") pen.rect(x - r, y - r, 2 * r, 2 * r);
  else {
    pen.moveTo(x, y - r);
    pen.lineTo(x + r, line.symbol === "diamond" ? y : y + r);
    if (line.symbol === "diamond") pen.lineTo(x, y + r);
    pen.lineTo(x - r, line.symbol === "diamond" ? y : y + r);
  }
  pen.fill();
  pen.globalAlpha = 1;
}

// -------------------------------------------------------------------- what a reader points at

function value(chart, y) {
  return `${y.toFixed(chart.decimals)}${chart.unit}`;
}

function inWords(chart) {
  const ends = chart.lines.map((line) => [line.name, line.points.at(-1)]);
  const known = ends.filter(([, end]) => end && end[1] !== null).reverse();
  const list = known.map(([name, end]) => `${name} ${value(chart, end[1])}`).join(", ");
  return list ? `${chart.title} over the epochs, at the end: ${list}` : chart.title;
}

// The epochs are what a reader asks for; before the first has ended, the batches.
function pointAt(one, event) {
  const { chart, x } = one;
  const at = event.offsetX;
  const named = chart.lines.filter((line) => line.symbol && line.points.length);
  const lines = (named.length ? named : chart.lines).filter((line) => line.points.length);
  const places = lines.flatMap((line) => line.points.map((point) => point[0]));
  if (!places.length) return;
  const near = places.reduce((a, b) => (Math.abs(x(b) - at) < Math.abs(x(a) - at) ? b : a));
  const rows = [`After ${Number(near.toFixed(2))} epochs`];
  for (const line of [...lines].reverse()) {
    const found = line.points.find((point) => point[0] === near);
    if (found && found[1] !== null) rows.push(`${line.name}: ${value(chart, found[1])}`);
  }
  setLines(one.tip, rows);
  one.tip.hidden = false;
  const room = one.plot.clientWidth - one.tip.offsetWidth;
  one.tip.style.left = `${Math.max(0, Math.min(x(near) + 12, room))}px`;
}
