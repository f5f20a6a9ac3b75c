// Charts of points, drawn by plotly.js on WebGL so that tens of thousands stay smooth.

const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#888888"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "cross", "star"];
const MARK = "chosen";
const CONFIG = { responsive: true, displaylogo: false, showSendToCloud: false };

const webgl = (() => {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
})();

export const style = (position) => ({
  color: COLORS[position % COLORS.length],
  // One further in every round, so that a pair of both does not come again before 49.
  symbol: SYMBOLS[(position + Math.floor(position / COLORS.length)) % SYMBOLS.length],
});

// points: [{name, x, y, ids, text, color, symbol, size, line}]; onPick(id) on hover-click.
export function scatter(element, points, axes, onPick) {
  const ink = getComputedStyle(document.documentElement);
  const color = (name) => ink.getPropertyValue(name).trim();
  const axis = (title) => ({
    title: { text: title }, gridcolor: color("--line"), zeroline: false, color: color("--ink"),
  });
  const traces = points.map((each) => ({
    type: webgl ? "scattergl" : "scatter",
    mode: each.line ? "lines+markers" : "markers",
    name: each.name,
    x: each.x,
    y: each.y,
    customdata: each.ids,
    hovertemplate: `${axes.x}: %{x:.5g}<br>${axes.y}: %{y:.5g}<extra>${each.name}</extra>`,
    marker: { color: each.color, symbol: each.symbol ?? "circle", size: each.size ?? 7 },
    line: { width: 1 },
  }));
  const layout = {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: color("--ink"), family: "system-ui, sans-serif" },
    margin: { l: 60, r: 10, t: 10, b: 50 },
    hovermode: "closest",
    uirevision: axes.x + axes.y,
    xaxis: axis(axes.x),
    yaxis: axis(axes.y),
    modebar: { bgcolor: "rgba(0,0,0,0)", color: color("--quiet"), activecolor: color("--blue") },
    legend: { orientation: "h", y: 1.08 },
  };
  window.Plotly.react(element, traces, layout, CONFIG);
  if (!element.dataset.listens) {
    element.dataset.listens = "yes";
    element.on("plotly_click", (event) => {
      const id = event.points[0]?.customdata;
      if (id) element.pick(id);
    });
  }
  element.pick = onPick;
}

// A ring around the sub-network that a row of a table names.
export function mark(element, id) {
  for (const trace of element.data ?? []) {
    const at = trace.name === MARK ? -1 : (trace.customdata ?? []).indexOf(id);
    if (at < 0) continue;
    const old = element.data.findIndex((each) => each.name === MARK);
    if (old >= 0) window.Plotly.deleteTraces(element, old);
    window.Plotly.addTraces(element, {
      type: "scatter", mode: "markers", name: MARK, showlegend: false, hoverinfo: "skip",
      x: [trace.x[at]], y: [trace.y[at]],
      marker: { color: "#d55e00", symbol: "circle-open", size: 18, line: { width: 3 } },
    });
    return;
  }
}

export const drop = (element) => window.Plotly.purge(element);
