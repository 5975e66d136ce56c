// The list of all runs: newest first, searched, in pages, some of them chosen to be compared.

import { counted, el, number, pager, percent, render, since } from "./dom.js";

const SIZE = 50;
// What is searched and chosen stays while other views are shown.
const kept = { words: "", state: "", page: 0, chosen: new Set() };

export const stateOf = (run, workers) => {
  if (run.state !== "unfinished") return run.state;
  if (workers.some((worker) => worker.run_id === run.run_id)) return run.ended === run.members ? "evaluating" : "training";
  return "unfinished";
};

export const chip = (state) => el("span", { class: `chip ${state}` }, state);

export const scoreOf = (run) => {
  if (run.ensemble_test_accuracy !== null && run.ensemble_test_accuracy !== undefined) return percent(run.ensemble_test_accuracy);
  if (run.ensemble_test_hamming_loss !== null && run.ensemble_test_hamming_loss !== undefined) return `Hamming loss ${percent(run.ensemble_test_hamming_loss)}`;
  const errors = Object.values(run.ensemble_test_error ?? {});
  return errors.length ? `RMSE ${errors.slice(0, 3).map(number).join(", ")}${errors.length > 3 ? " …" : ""}` : "";
};

const isUnderWay = (state) => ["training", "evaluating"].includes(state);

const fits = (run, state, words) => {
  if (kept.state === "under way" ? !isUnderWay(state) : kept.state && state !== kept.state) return false;
  const text = [run.run_id, run.name, run.owner, run.preset, run.dataset, state, ...Object.entries(run.tags ?? {}).flat()]
    .join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
};

// Names, owners and tags stand here as soon as runs have them.
const labels = (run) => [run.name, run.owner, ...Object.entries(run.tags ?? {}).map(([key, value]) => `${key}=${value}`)].filter(Boolean);

const row = (run, state, choose) => el("tr", { class: state },
  el("td", { class: "choice" }, el("input", {
    type: "checkbox", "data-key": `choose-${run.run_id}`, "aria-label": `Compare ${run.run_id}`,
    checked: kept.chosen.has(run.run_id), onchange: (event) => choose(run.run_id, event.target.checked),
  })),
  el("th", { scope: "row" },
    el("a", { href: `#/runs/${run.run_id}`, "data-key": run.run_id }, run.run_id),
    el("small", {}, run.trouble ?? [...labels(run), run.dataset, run.preset].join(" · "))),
  el("td", {}, chip(state)),
  el("td", { class: "wide" }, run.members ? [
    el("span", { class: "bar", "aria-hidden": "true" }, el("i", { style: { width: `${(100 * run.ended) / run.members}%` } })),
    ` ${run.ended}/${run.members}`] : null),
  el("td", { class: "number score-cell" }, scoreOf(run)),
  el("td", { class: "wide number" }, run.created_at ? since(run.created_at) : ""));

export const runsView = (main, known) => {
  document.title = "Runs – deepchord";
  const title = el("h1");
  const notices = el("div");
  const found = el("p", { class: "note", role: "status" });
  const body = el("tbody");
  const pages = el("div");
  const compare = el("p", { class: "buttons compare" });
  const changed = () => { kept.page = 0; update(); };
  const search = el("input", { type: "search", id: "search", placeholder: "id, data set, preset, state …", oninput: (event) => { kept.words = event.target.value; changed(); } });
  search.value = kept.words;
  const states = el("select", { id: "states", onchange: (event) => { kept.state = event.target.value; changed(); } },
    ["", "under way", "unfinished", "evaluated", "failed", "cancelled"].map((state) => el("option", { value: state }, state || "any state")));
  states.value = kept.state;
  const table = el("table", { class: "list" },
    el("caption", { class: "visually-hidden" }, "Runs, newest first"),
    el("thead", {}, el("tr", {}, el("td", {}), el("th", { scope: "col" }, "Run"), el("th", { scope: "col" }, "State"),
      el("th", { scope: "col", class: "wide" }, "Members"), el("th", { scope: "col", class: "number" }, "Test score"),
      el("th", { scope: "col", class: "wide number" }, "Begun"))),
    body);
  main.append(el("section", { class: "headline" }, title, notices),
    el("section", { class: "runs", "aria-label": "All runs" },
      el("div", { class: "controls" }, el("label", { for: "search" }, "Search"), search, el("label", { for: "states" }, "State"), states, compare),
      found, table, pages));

  const choose = (run, isChosen) => {
    if (isChosen) kept.chosen.add(run); else kept.chosen.delete(run);
    update();
  };
  const update = () => {
    if (!known.state) return;
    const all = [...known.runs.values()].map((run) => [run, stateOf(run, known.workers)]);
    all.sort(([a], [b]) => (a.run_id < b.run_id ? 1 : -1));
    const underWay = all.filter(([, state]) => isUnderWay(state)).length;
    const working = known.workers.filter((worker) => !worker.is_gone).length;
    render(title, el("span", { class: "score" }, known.state.total.toLocaleString("en")),
      el("span", { class: "score-words" }, `${known.state.total === 1 ? "run" : "runs"}, ${underWay} under way on ${counted(working, "worker")}`));
    render(notices, [known.state.trouble, known.state.broker_trouble].filter(Boolean).map((text) => el("p", { class: "notice" }, text)));
    const words = kept.words.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = all.filter(([run, state]) => fits(run, state, words));
    kept.page = Math.min(kept.page, Math.max(0, Math.ceil(fitting.length / SIZE) - 1));
    const some = fitting.slice(kept.page * SIZE, (kept.page + 1) * SIZE);
    render(body, some.map(([run, state]) => row(run, state, choose)));
    const isFiltered = words.length > 0 || kept.state;
    found.textContent = known.state.total === 0 ? "There are no runs in this storage yet; deepchord train starts one."
      : known.state.pending ? `${counted(known.state.pending, "older run")} still to be read.`
      : isFiltered ? `${counted(fitting.length, "run")} found.` : "";
    table.hidden = fitting.length === 0;
    render(pages, pager("runs", kept.page, SIZE, fitting.length, (page) => { kept.page = page; update(); table.scrollIntoView(); }));
    const chosen = [...kept.chosen].filter((run) => known.runs.has(run));
    render(compare, chosen.length === 0 ? null : chosen.length === 1 ? el("span", { class: "hint" }, "Choose another one to compare.")
      : el("a", { class: "button strong", "data-key": "compare", href: `#/compare/${chosen.sort().join(",")}` }, `Compare ${chosen.length} runs`),
      chosen.length ? el("button", { type: "button", "data-key": "clear", onclick: () => { kept.chosen.clear(); update(); } }, "Clear") : null);
  };
  return { update };
};
