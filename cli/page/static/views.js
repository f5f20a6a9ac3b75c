// The views: each fills a place and may give a function that refreshes it.

import { mark, scatter, style } from "./charts.js";
import { ask } from "./service.js";

export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const number = (value, digits = 4) =>
  value === null || value === undefined ? "–" : String(Number(Number(value).toPrecision(digits)));
const count = (value) => (value ?? 0).toLocaleString();
const when = (value) => (value ? new Date(value).toLocaleString() : "–");
const since = (seconds) =>
  seconds < 90 ? `${Math.max(0, Math.round(seconds))} s ago`
    : seconds < 5400 ? `${Math.round(seconds / 60)} min ago`
      : seconds < 172800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} days ago`;
const place = (each) =>
  `${each.cpu ?? "unknown processor"}: ${each.device}, ${each.threads} thread${each.threads > 1 ? "s" : ""}, ` +
  `batch ${each.batch_size}, ${each.precision}, ${each.engine}, ${each.input_size} (${each.configuration_id.slice(0, 8)})`;

// Makes the children of a place like fresh ones and keeps what is equal, with focus and scroll.
// What listens must differ from what listens for something else: in an href or a data attribute.
const HOLDERS = new Set(["DIV", "TABLE", "TBODY", "TR", "TD"]);
function renew(place, ...fresh) {
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
  match(place, fresh);
  if (focused && !place.contains(document.activeElement)) place.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function match(place, fresh) {
  fresh.forEach((next, at) => {
    const now = place.childNodes[at];
    if (!now) place.append(next);
    else if (now.isEqualNode(next)) return;
    else if (HOLDERS.has(now.nodeName) && now.cloneNode().isEqualNode(next.cloneNode())) match(now, [...next.childNodes]);
    else now.replaceWith(next);
  });
  while (place.childNodes.length > fresh.length) place.lastChild.remove();
}

// columns: [heading, row => cell, isNumber]; pick(row) makes rows that keyboard and mouse select.
function table(columns, rows, { pick, chosen, empty = "Nothing yet." } = {}) {
  if (!rows.length) return make("p", { class: "quiet" }, empty);
  const body = make("tbody", {});
  for (const row of rows) {
    const cells = columns.map(([, cell, numeric]) => make("td", { class: numeric ? "number" : undefined }, cell(row)));
    const line = make("tr", pick ? { tabindex: "0", "data-id": row.id, "aria-selected": String(row.id === chosen) } : {}, ...cells);
    if (pick) {
      line.addEventListener("click", () => pick(row));
      line.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") pick(row);
        else if (event.key === "ArrowDown") line.nextElementSibling?.focus();
        else if (event.key === "ArrowUp") line.previousElementSibling?.focus();
        else return;
        event.preventDefault();
      });
    }
    body.append(line);
  }
  const head = columns.map(([title, , numeric]) => make("th", { scope: "col", class: numeric ? "number" : undefined }, title));
  return make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), body));
}

// The points of a chart for whoever does not see or point at them; some at a time, for they may be many.
const PAGE_ROWS = 100;
function listPoints(place, columns, rows, pick) {
  const open = Boolean(place.querySelector("details")?.open);
  const list = make("div", {});
  const more = make("button", { type: "button" });
  const details = make("details", { class: "points" }, make("summary", {}, `The ${count(rows.length)} points as a table`), list, more);
  let shown = 0;
  function draw() {
    shown = Math.min(shown + PAGE_ROWS, rows.length);
    renew(list, table(columns, rows.slice(0, shown), { pick, empty: "No point." }));
    more.textContent = `Show more (${count(rows.length - shown)} left)`;
    more.hidden = shown === rows.length;
  }
  more.addEventListener("click", draw);
  details.addEventListener("toggle", () => shown || draw());
  details.open = open;
  place.replaceChildren(details);
}

function choice(label, options, chosen) {
  const select = make("select", {});
  for (const [value, text] of options) select.append(make("option", { value, selected: value === chosen }, text));
  return [make("label", {}, label, select), select];
}

async function places() {
  const { configurations } = await ask("fleet");
  return new Map(configurations.map((each) => [each.configuration_id, each]));
}

const named = (known, id) => (id ? (known.has(id) ? place(known.get(id)) : id) : "–");

async function fleet(root) {
  async function draw() {
    const { hosts, configurations, jobs } = await ask("fleet");
    const waiting = (id) => jobs.filter((each) => each.configuration_id === id).map((each) => `${each.jobs} ${each.status}`).join(", ");
    renew(
      root,
      make("h1", {}, "Fleet"),
      make("h2", {}, "Hosts"),
      table([
        ["Host", (row) => row.host_name],
        ["Hardware", (row) => `${row.cpu ?? "unknown processor"} (${row.hardware_id.slice(0, 8)})`],
        ["Last heartbeat", (row) => make("span", { title: when(row.seen_at) }, since(row.silent_s))],
        ["Queued", (row) => count(row.queued), true],
        ["Measuring", (row) => count(row.claimed), true],
        ["Version", (row) => row.latbase_version],
      ], hosts, { empty: "No host has reported yet; run latbase daemon run or latbase profile." }),
      make("h2", {}, "Configurations"),
      table([
        ["Configuration", place],
        ["Measurements", (row) => count(row.measurements), true],
        ["Newest", (row) => when(row.newest_at)],
        ["Jobs", (row) => waiting(row.configuration_id) || "none"],
      ], configurations),
    );
    return true;
  }
  await draw();
  return draw;
}

async function coverage(root) {
  const [{ coverage: rows }, known] = await Promise.all([ask("coverage"), places()]);
  root.append(
    make("h1", {}, "Coverage"),
    make("p", { class: "quiet" }, "What is measured where, and how well a predictor ranks sub-networks it has not seen (τ, 1 is perfect)."),
    table([
      ["Supernet", (row) => row.supernet],
      ["Configuration", (row) => named(known, row.configuration_id)],
      ["Metric", (row) => row.metric],
      ["Sub-networks", (row) => count(row.subnets), true],
      ["Stable", (row) => count(row.stable), true],
      ["Unstable", (row) => count(row.unstable), true],
      ["Predictor", (row) => row.predictor ?? "not judged yet (latbase predictor)"],
      ["τ", (row) => number(row.tau, 3), true],
      ["MAPE %", (row) => number(row.mape_percent, 3), true],
      ["Newest", (row) => when(row.newest_at)],
    ], rows, { empty: "Nothing is measured yet; run latbase profile." }),
  );
}

async function latency(root) {
  const [{ coverage: rows }, known] = await Promise.all([ask("coverage"), places()]);
  const measured = rows.filter((row) => row.metric === "latency_ms");
  root.append(make("h1", {}, "Latency explorer"));
  if (!measured.length) {
    root.append(make("p", { class: "quiet" }, "Nothing is measured yet; run latbase profile."));
    return;
  }
  const supernets = new Map(measured.map((row) => [row.supernet_id, row.supernet]));
  const [supernetLabel, supernet] = choice("Supernet", [...supernets]);
  const spots = measured.map((row) => row.configuration_id).filter((id, at, all) => all.indexOf(id) === at);
  const options = spots.map((id) => [id, named(known, id)]);
  const [xLabel, x] = choice("Across", options, spots[0]);
  const [yLabel, y] = choice("Upwards", options, spots[1] ?? spots[0]);
  const chart = make("div", { class: "chart", role: "img", "aria-label": "Latencies on two configurations" });
  const said = make("p", { class: "quiet", role: "status" });
  const details = make("aside", { class: "panel", "aria-live": "polite" }, "Choose a point to see its sub-network.");
  const list = make("section", {});
  root.append(make("form", {}, supernetLabel, xLabel, yLabel), said, make("div", { class: "beside" }, make("div", {}, chart, list), details));
  const pick = (id) => choose(root, chart, details, id, known);
  async function draw() {
    const found = await ask(`latency?supernet_id=${supernet.value}&x=${x.value}&y=${y.value}`);
    said.textContent = `${count(found.subnet_id.length)} sub-networks are measured on both.`;
    scatter(chart, [{ name: "measured", x: found.x_ms, y: found.y_ms, ids: found.subnet_id, color: style(0).color, size: 5 }],
      { x: `latency_ms on ${x.value.slice(0, 8)}`, y: `latency_ms on ${y.value.slice(0, 8)}` }, pick);
    listPoints(list, [
      ["Sub-network", (row) => row.id.slice(0, 8)],
      [`ms on ${x.value.slice(0, 8)}`, (row) => number(found.x_ms[row.at]), true],
      [`ms on ${y.value.slice(0, 8)}`, (row) => number(found.y_ms[row.at]), true],
    ], found.subnet_id.map((id, at) => ({ id, at })), (row) => pick(row.id));
  }
  for (const select of [supernet, x, y]) select.addEventListener("change", draw);
  await draw();
}

// Where the panel comes after what is chosen from, as in page.css.
const narrow = matchMedia("(max-width: 52rem)");

// Marks a sub-network in chart and tables, and tells about it in the panel.
async function choose(root, chart, panel, id, known) {
  root.querySelectorAll("tr[data-id]").forEach((line) => line.setAttribute("aria-selected", String(line.dataset.id === id)));
  mark(chart, id);
  await inspect(panel, id, known);
}

async function inspect(panel, id, known) {
  const found = await ask(`subnets/${encodeURIComponent(id)}`);
  const text = JSON.stringify(JSON.parse(found.config));
  const shown = make("pre", {}, text);
  const copy = make("button", { type: "button" }, "Copy as JSON");
  copy.addEventListener("click", async () => {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      copy.textContent = "Copied";
    } else { // a browser gives it to HTTPS and this machine only
      getSelection().selectAllChildren(shown);
      copy.textContent = "Selected: copy it with Ctrl+C";
    }
  });
  const measured = new Set(found.latencies.map((row) => row.configuration_id));
  const missing = [...known.keys()].filter((configuration_id) => !measured.has(configuration_id))
    .map((configuration_id) => ({ configuration_id, latency_ms: null, verdict: "not measured" }));
  panel.replaceChildren(
    make("h2", {}, `Sub-network ${id.slice(0, 8)}`),
    table([
      ["Configuration", (row) => named(known, row.configuration_id)],
      ["ms", (row) => number(row.latency_ms), true],
      ["Verdict", (row) => row.verdict],
    ], [...found.latencies, ...missing], { empty: "It is measured nowhere." }),
    shown, copy,
  );
  if (narrow.matches) panel.scrollIntoView({ block: "nearest" });
}

async function searches(root) {
  async function draw() {
    const [{ searches: rows }, known] = await Promise.all([ask("searches"), places()]);
    renew(root, make("h1", {}, "Searches"), table([
      ["Search", (row) => make("a", { href: `#/search/${row.search_id}`, "data-id": row.search_id }, row.search_id.slice(0, 8))],
      ["Status", (row) => row.status],
      ["Supernet", (row) => row.supernet],
      ["Configuration", (row) => named(known, row.configuration_id)],
      ["Tactic", (row) => row.tactic],
      ["Evaluations", (row) => count(row.evaluations), true],
      ["On the front", (row) => (row.status === "running" ? "–" : count(row.on_front)), true],
      ["Begun", (row) => when(row.created_at)],
    ], rows, { empty: "No search yet; launch one, or run latbase search." }));
    return true;
  }
  await draw();
  return draw;
}

// The first objective upwards and the second across, or the order of evaluation.
const across = (found) => (found.values.length > 1 ? found.values[1] : found.subnet_ids.map((_, at) => at + 1));
const axesOf = (found) => ({ x: found.axes[1] ?? "evaluation", y: found.axes[0] });
const members = (found) => found.subnet_ids.map((id, at) => ({ id, at })).filter(({ at }) => found.on_front[at])
  .sort((a, b) => across(found)[a.at] - across(found)[b.at]);

async function search(root, id) {
  const known = await places();
  const heading = make("h1", {});
  const remarks = make("div", { role: "status" });
  const chart = make("div", { class: "chart", role: "img", "aria-label": "Evaluations and front; the table below holds the same" });
  const details = make("aside", { class: "panel", "aria-live": "polite" }, "Choose a point, or a row of the table, to see its sub-network.");
  const list = make("section", {});
  const shown = make("div", {}, chart, make("h2", {}, "Front"), list);
  root.append(heading, remarks, make("div", { class: "beside" }, shown, details));
  let drawn = -1, chosen;
  async function pick(subnet) {
    chosen = subnet;
    await choose(root, chart, details, subnet, known);
  }
  async function draw() {
    const found = await ask(`searches/${encodeURIComponent(id)}`);
    const running = found.status === "running";
    if (found.subnet_ids.length === drawn && running) return true;
    drawn = found.subnet_ids.length;
    heading.textContent = `${found.supernet}: search ${found.search_id.slice(0, 8)} (${found.status})`;
    remarks.replaceChildren(...found.remarks.map((text) => make("p", {}, text)));
    const best = members(found);
    if (drawn) {
      const x = across(found), y = found.values[0], rest = found.subnet_ids.map((_, at) => at).filter((at) => !found.on_front[at]);
      const trace = (name, rows, more) => ({ name, x: rows.map((at) => x[at]), y: rows.map((at) => y[at]), ids: rows.map((at) => found.subnet_ids[at]), ...more });
      scatter(chart, [
        trace(`evaluated (${rest.length})`, rest, { color: "#9aa5b1", size: 6 }),
        trace(`front (${best.length})`, best.map(({ at }) => at), { ...style(0), size: 10, line: found.values.length === 2 }),
      ], axesOf(found), pick);
      if (chosen) mark(chart, chosen);
    }
    renew(list, table([
      ...found.axes.map((axis, column) => [axis, (row) => number(found.values[column][row.at], 5), true]),
      ["Sub-network", (row) => row.id.slice(0, 8)],
    ], best, { pick: (row) => pick(row.id), chosen, empty: "No evaluation yet." }));
    return running;
  }
  return (await draw()) ? draw : undefined;
}

async function compare(root) {
  const [{ searches: rows }, known] = await Promise.all([ask("searches"), places()]);
  const chart = make("div", { class: "chart", role: "img", "aria-label": "Fronts of the chosen searches" });
  const details = make("aside", { class: "panel", "aria-live": "polite" }, "Choose a point to see its latency on every configuration.");
  const said = make("p", { class: "quiet", role: "status" }, "Choose searches that optimise the same.");
  const boxes = rows.map((row, at) => {
    const box = make("input", { type: "checkbox", value: row.search_id, checked: at < 2 });
    box.addEventListener("change", draw);
    return box;
  });
  const lines = rows.map((row, at) => [boxes[at], row]);
  const costs = make("section", {});
  const list = make("div", {});
  const pick = (id) => choose(root, chart, details, id, known);
  let turns = 0;
  root.append(make("h1", {}, "Compare fronts"), said, make("div", { class: "beside" }, make("div", {}, chart, list), details), costs, make("h2", {}, "Searches"), table([
    ["Show", ([box, row]) => make("label", {}, box, row.search_id.slice(0, 8))],
    ["Supernet", ([, row]) => row.supernet],
    ["Configuration", ([, row]) => named(known, row.configuration_id)],
    ["Tactic", ([, row]) => row.tactic],
    ["Objectives", ([, row]) => row.objectives.join(", ")],
  ], lines, { empty: "No search yet." }));
  async function draw() {
    const turn = ++turns; // an answer to an older choice is not shown
    const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    const found = await Promise.all(chosen.map((id) => ask(`searches/${encodeURIComponent(id)}`)));
    if (turn !== turns) return;
    const alike = found.filter((each) => each.axes.join() === found[0].axes.join() && each.supernet === found[0].supernet);
    const told = await costsOf(alike).catch((error) => [make("p", { class: "quiet" }, error.message)]);
    if (turn !== turns) return;
    costs.replaceChildren(...told);
    said.textContent = !found.length ? "Choose searches that optimise the same." : alike.length < found.length ? "Left out: searches of another supernet or other objectives than the first." : "Fronts of the chosen searches.";
    scatter(chart, alike.map((each, at) => {
      const best = members(each).map((member) => member.at);
      return { name: `${each.search_id.slice(0, 8)} on ${(each.configuration_id ?? "–").slice(0, 8)}`, ...style(at), size: 9, line: each.values.length === 2,
        x: best.map((row) => across(each)[row]), y: best.map((row) => each.values[0][row]), ids: best.map((row) => each.subnet_ids[row]) };
    }), alike.length ? axesOf(alike[0]) : { x: "", y: "" }, pick);
    listPoints(list, [
      ["Search", ({ each }) => each.search_id.slice(0, 8)],
      ...(alike[0]?.axes ?? []).map((axis, column) => [axis, ({ each, at }) => number(each.values[column][at], 5), true]),
      ["Sub-network", ({ id }) => id.slice(0, 8)],
    ], alike.flatMap((each) => members(each).map(({ id, at }) => ({ id, at, each }))), ({ id }) => pick(id));
  }
  async function costsOf(alike) {
    if (alike.length < 2) return [];
    const { costs: borrowed } = await ask(`exchange?${alike.map((each) => `search=${each.search_id}`).join("&")}`);
    return [make("h2", {}, "What a front costs elsewhere"), table([
      ["Front of", (row) => row.found_by.slice(0, 8)],
      ["Used instead of", (row) => row.used_on.slice(0, 8)],
      ["Measured there", (row) => `${row.measured} of ${row.members}`],
      ["Hypervolume lost", (row) => (row.lost_percent === null ? "not all measured" : `${number(row.lost_percent, 3)} %`), true],
    ], borrowed)];
  }
  if (rows.length) await draw();
}

async function launch(root) {
  const [can, { coverage: rows }, known] = await Promise.all([ask("role"), ask("coverage"), places()]);
  const [supernetLabel, supernet] = choice("Supernet", [...new Set(rows.map((row) => row.supernet))].map((name) => [name, name]));
  const [whereLabel, where] = choice("Measured on", [...known.keys()].map((id) => [id, named(known, id)]));
  const [tacticLabel, tactic] = choice("Tactic", can.tactics.map((name) => [name, name]), "auto");
  const objectives = make("input", { value: "top1 latency_ms", required: true });
  const evaluations = make("input", { type: "number", min: 1, max: 100000, value: 100, required: true });
  const seed = make("input", { type: "number", min: 0, value: 0, required: true });
  const start = make("button", { class: "main", disabled: !can.may_launch || !rows.length }, "Launch");
  const said = make("p", { role: "status" }, can.may_launch ? "It runs on the host of this service." : "Launching needs an operator's token.");
  const list = make("section", {});
  const form = make("form", {}, supernetLabel, whereLabel, tacticLabel, make("label", {}, "Objectives", objectives),
    make("label", {}, "Evaluations", evaluations), make("label", {}, "Seed", seed), start);
  root.append(make("h1", {}, "Launch a search"), form, said, make("h2", {}, "Launched here"), list);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await told(() => ask("launches", { supernet: supernet.value, configuration_id: where.value, tactic: tactic.value,
      objectives: objectives.value.trim().split(/\s+/), evaluations: Number(evaluations.value), seed: Number(seed.value) }), "Launched.");
  });
  async function told(action, done) {
    try {
      await action();
      said.textContent = done;
      await draw();
    } catch (error) {
      said.textContent = error.message;
    }
  }
  function stopper(row) {
    const stop = make("button", { type: "button", "data-id": `stop ${row.number}`, disabled: !can.may_launch }, "Stop");
    stop.addEventListener("click", () => told(() => ask(`launches/${row.number}/stop`, {}), "Stopped."));
    return stop;
  }
  async function draw() {
    const launches = await ask("launches");
    renew(list, table([
      ["", (row) => count(row.number), true],
      ["Supernet", (row) => row.supernet],
      ["Configuration", (row) => named(known, row.configuration_id)],
      ["Begun", (row) => when(row.began_at)],
      ["Status", (row) => (row.exit_code === null ? stopper(row) : row.exit_code === 0 ? "finished" : `ended with ${row.exit_code}`)],
      ["Said", (row) => make("pre", {}, row.output)],
    ], launches, { empty: "None yet." }));
    return true;
  }
  await draw();
  return draw;
}

export const views = { fleet, coverage, latency, searches, search, compare, launch };
