// Two or more runs side by side.

import { chart } from "./charts.js";
import { el, number, percent, render, scrolling } from "./dom.js";
import { chip } from "./runs.js";
import { load } from "./session.js";

const isHigherBetter = (name) => name.includes("accuracy");
const scoreText = (name, value) => (value === null || value === undefined ? "–" : name.includes("accuracy") ? percent(value) : number(value));
const planText = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

const table = (label, runs, rows) => scrolling(`${label}-scroll`, label.toLowerCase(), el("table", { class: "list compared" },
  el("thead", {}, el("tr", {}, el("td", {}), runs.map((run, place) => el("th", { scope: "col" }, el("span", { class: `key key-run c${place}` }, run.run_id))))),
  el("tbody", {}, rows)));

const scoreRows = (runs) => {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.scores)))];
  return names.map((name) => {
    const values = runs.map((run) => run.scores[name]);
    const known = values.filter((value) => Number.isFinite(value));
    const best = isHigherBetter(name) ? Math.max(...known) : Math.min(...known);
    return el("tr", {}, el("th", { scope: "row" }, name), values.map((value) => el("td", { class: value === best && known.length > 1 ? "best" : "" }, scoreText(name, value))));
  });
};

// The mean of all members that have got so far.
const meanLine = (run, place, name) => {
  const sums = new Map();
  for (const member of run.curves.members) {
    member.epochs.forEach((epoch, index) => {
      const value = member[name][index];
      if (!Number.isFinite(value)) return;
      const [sum, count] = sums.get(epoch) ?? [0, 0];
      sums.set(epoch, [sum + value, count + 1]);
    });
  }
  const xs = [...sums.keys()].sort((a, b) => a - b);
  return { xs, ys: xs.map((epoch) => sums.get(epoch)[0] / sums.get(epoch)[1]), kind: `run-line c${place}`, title: run.run_id };
};

const panels = (runs) => {
  const mean = (name) => runs.map((run, place) => meanLine(run, place, name));
  const measured = runs.map((run, place) => [run, place]).filter(([run]) => run.reliability.length);
  const sure = measured.map(([run, place]) => ({ xs: run.reliability.map(([x]) => x), ys: run.reliability.map(([, y]) => y), kind: `run-line c${place}`, title: run.run_id }));
  const ideal = { xs: [0, 1], ys: [0, 1], kind: "ideal", title: "ideal" };
  const isError = runs[0].curves.score === "error";
  return [chart({ title: "Validation loss, mean of the members", lines: mean("validation_loss") }),
    chart({ title: isError ? "Validation error, mean of the members" : "Validation accuracy, mean of the members", lines: mean("validation_score") }),
    sure.length ? chart({ title: "Right answers by confidence", lines: [ideal, ...sure], xTitle: "confidence", x: [0, 1], y: [0, 1] }) : null].filter(Boolean);
};

export const comparisonView = (main, known, { runs: ids }) => {
  document.title = "Comparison – deepchord";
  const body = el("div", { class: "parts" });
  main.append(el("section", { class: "headline" }, el("h1", { class: "plain" }, `${ids.length} runs side by side`), el("p", { class: "lede" }, "What their recipes have different, and what came of it.")), body);
  let told = null;
  const read = async () => {
    try {
      const { runs, differences } = await load(`comparison?${ids.map((id) => `run=${encodeURIComponent(id)}`).join("&")}`);
      const drawn = panels(runs);
      render(body,
        el("section", { "aria-labelledby": "scores" }, el("h2", { id: "scores" }, "Scores"), table("Scores", runs, [
          el("tr", {}, el("th", { scope: "row" }, "State"), runs.map((run) => el("td", {}, chip(run.state)))),
          el("tr", {}, el("th", { scope: "row" }, "Members"), runs.map((run) => el("td", {}, `${run.trained} of ${run.members} trained`))),
          ...scoreRows(runs),
          el("tr", {}, el("th", { scope: "row" }, "More"), runs.map((run) => el("td", {}, el("a", { href: `#/runs/${run.run_id}` }, "the run"))))])),
        el("section", { "aria-labelledby": "differences" }, el("h2", { id: "differences" }, "Recipes"),
          differences.length === 0 ? el("p", { class: "lede" }, "Their recipes are the same.")
            : table("Recipes", runs, differences.map((row) => el("tr", {}, el("th", { scope: "row" }, row.name), row.values.map((value) => el("td", {}, planText(value))))))),
        drawn.length ? el("section", { "aria-labelledby": "curves" }, el("h2", { id: "curves" }, "Curves"), el("div", { class: "panels" }, drawn)) : null);
    } catch (error) {
      render(body, el("p", { class: "failures" }, error.message));
    }
  };
  // The server is asked again when the list tells something new of one of them.
  const update = () => {
    const now = JSON.stringify(ids.map((id) => known.runs.get(id) ?? null));
    if (now !== told) { told = now; read(); }
  };
  return { update };
};
