// The page: one stream of events, what is known of it, and which view shows it.

import { el, render, setServerTime, counted } from "./dom.js";
import { askForToken, begin, session } from "./session.js";
import { comparisonView } from "./comparison.js";
import { runView } from "./run.js";
import { runsView } from "./runs.js";
import { workersView } from "./workers.js";

const known = { runs: new Map(), workers: [], state: null, run: {} };
const main = document.getElementById("main");
const pulse = document.getElementById("pulse");
let stream = null;
let view = null;
let shown = null;

const route = () => {
  const [, name = "", rest = ""] = location.hash.split("/");
  if (name === "runs" && rest) return { name: "run", run: decodeURIComponent(rest), make: runView };
  if (name === "compare" && rest) return { name: "compare", runs: decodeURIComponent(rest).split(","), make: comparisonView };
  if (name === "workers") return { name: "workers", make: workersView };
  return { name: "runs", make: runsView };
};

const setPulse = (text, kind) => {
  if (pulse.textContent !== text) pulse.textContent = text;
  pulse.className = `pulse ${kind}`;
};

const update = () => {
  const state = known.state;
  if (state) {
    if (state.trouble) setPulse("storage away", "trouble");
    else setPulse(state.broker_trouble ? "storage only" : "live", state.broker_trouble ? "half" : "live");
    const read = state.pending ? `, ${state.pending.toLocaleString("en")} of them still to be read` : "";
    document.getElementById("about").textContent = `deepchord ${session.version}. ${counted(state.total, "run")} in ${state.storage}${read}.`;
  }
  view?.update();
};

let scheduled = false;
const updateSoon = () => {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; update(); });
};

const take = {
  runs: ({ runs, removed }) => {
    for (const run of runs) known.runs.set(run.run_id, run);
    for (const run of removed) known.runs.delete(run);
  },
  workers: (workers) => { known.workers = workers; },
  hello: ({ now }) => setServerTime(now),
  state: (state) => { known.state = state; },
};
for (const part of ["run", "plan", "members", "curves", "attempts"]) take[part] = (data) => { known.run[part] = data; };

const connect = (run) => {
  stream?.close();
  known.run = {};
  stream = new EventSource(run ? `events?run=${encodeURIComponent(run)}` : "events");
  stream.run = run;
  for (const [name, learn] of Object.entries(take)) {
    stream.addEventListener(name, (event) => { learn(JSON.parse(event.data)); updateSoon(); });
  }
  stream.onopen = () => known.runs.forEach((_, id, all) => all.delete(id));
  stream.onerror = () => {
    setPulse("connecting again", "trouble");
    // The server has refused: perhaps it was started anew, and wants its new token.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => { stream = null; begin().then(show, () => show()); }, 3000);
  };
};

const show = () => {
  const wanted = route();
  if (!session.mayRead) {
    render(main, el("section", { class: "headline" }, el("h1", { class: "plain" }, "This dashboard is locked"),
      el("p", { class: "lede" }, "Whoever has its token may look."),
      el("p", { class: "buttons" }, el("button", { type: "button", class: "strong", onclick: () => askForToken(start) }, "Give the token"))));
    setPulse("locked", "half");
    return;
  }
  if (!stream || stream.run !== wanted.run) connect(wanted.run);
  for (const link of document.querySelectorAll(".top nav a")) {
    const current = link.getAttribute("href") === (wanted.name === "workers" ? "#/workers" : "#/");
    if (current) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  main.replaceChildren();
  view = wanted.make(main, known, wanted);
  if (shown !== null && shown !== location.hash) { scrollTo(0, 0); main.focus({ preventScroll: true }); }
  shown = location.hash;
  update();
};

const start = () => { document.getElementById("unlock").onclick = () => askForToken(start); show(); };

document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
addEventListener("hashchange", show);
// A tab that nobody sees asks for nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stream?.close(); } else if (stream) connect(stream.run);
});
// What was said in minutes and seconds gets old by itself.
setInterval(() => { if (!document.hidden) update(); }, 5000);

begin().then(start, (error) => setPulse(error.message, "trouble"));
