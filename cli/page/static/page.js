// The page: which view the address names, and when it is drawn again.

import { drop } from "./charts.js";
import { keepToken, takeTokenFromAddress } from "./service.js";
import { make, views } from "./views.js";

const LOOK_MS = 2000;

const main = document.getElementById("main");
const live = document.getElementById("live");
let shown = 0;

function leave() {
  main.querySelectorAll(".chart").forEach(drop);
  main.replaceChildren();
}

function askForToken(message) {
  const token = make("input", { type: "password", autocomplete: "off", required: true });
  const form = make("form", {}, make("label", {}, "Token", token),
    make("button", { class: "main" }, "Open"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(token.value.trim());
    show();
  });
  main.replaceChildren(make("h1", {}, "A token is needed"), make("p", {}, message), form);
  token.focus();
}

async function show() {
  const turn = ++shown;
  const [, name = "fleet", argument] = (location.hash || "#/fleet").split("/");
  const view = views[name] ?? views.fleet;
  document.querySelectorAll("nav a").forEach((link) => {
    const here = link.hash === `#/${name}` || (name === "search" && link.hash === "#/searches");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  leave();
  const place = make("div", {});
  main.append(place);
  live.textContent = "";
  try {
    const again = await view(place, argument && decodeURIComponent(argument));
    if (turn === shown && again) keepFresh(turn, again);
  } catch (error) {
    if (turn === shown) fail(error);
  }
}

// A view that shows something moving gives a function that draws it anew while it moves.
function keepFresh(turn, again) {
  setTimeout(async () => {
    if (turn !== shown) return;
    if (!document.hidden) {
      try {
        if (!(await again())) {
          live.textContent = "";
          return;
        }
        live.textContent = `live · ${new Date().toLocaleTimeString()}`;
      } catch (error) {
        live.textContent = `not live: ${error.message}`;
      }
    }
    keepFresh(turn, again);
  }, LOOK_MS);
}

function fail(error) {
  leave();
  if (error.status === 401 || error.status === 403) askForToken(error.message);
  else main.append(make("p", { class: "error", role: "alert" }, error.message));
}

takeTokenFromAddress();
addEventListener("hashchange", () => {
  if (!location.hash.startsWith("#/")) return;
  show();
  main.focus({ preventScroll: true });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
document.addEventListener("DOMContentLoaded", show);
if (document.readyState === "complete") show();

