// Shows the picture of the point below the pointer. Streamlit draws the chart; this listens to it.

const LOOK_MS = 400;  // the chart comes later than this, and anew when the theme changes
const AWAY_PX = 18;
const SIDE_PX = 86;

export default function ({ parentElement, data }) {
  const picture = parentElement.querySelector(".digit");
  const hide = () => { picture.hidden = true; };
  picture.onerror = hide;
  picture.onload = () => { picture.hidden = !picture.dataset.wanted; };

  const show = ({ points, event }) => {
    const { customdata, data: trace } = points[0];
    if (customdata === undefined) return leave();
    place(picture, event);
    picture.dataset.wanted = "1";
    picture.src = `${data.address}/${trace.meta}/${customdata}.png`;
  };
  const leave = () => {
    delete picture.dataset.wanted;
    hide();
  };

  const heard = new Set();
  const listen = () => {
    const chart = document.querySelector(`.st-key-${data.chart} .js-plotly-plot`);
    if (!chart?.on || heard.has(chart)) return;
    heard.add(chart);
    chart.on("plotly_hover", show);
    chart.on("plotly_unhover", leave);
  };
  listen();
  const timer = setInterval(listen, LOOK_MS);
  return () => {
    clearInterval(timer);
    for (const chart of heard) {
      chart.removeListener("plotly_hover", show);
      chart.removeListener("plotly_unhover", leave);
    }
  };
}

// Above the pointer, where Plotly's text is not, and always inside the window.
function place(picture, { clientX, clientY }) {
  const left = Math.min(clientX - SIDE_PX / 2, innerWidth - SIDE_PX);
  const above = clientY - SIDE_PX - AWAY_PX;
  picture.style.left = `${Math.max(left, 0)}px`;
  picture.style.top = `${above > 0 ? above : clientY + AWAY_PX}px`;
}
