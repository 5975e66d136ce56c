// All workers: what each is, what it is at, how fast, and since when it is silent.

import { ago, counted, el, number, render, scrolling } from "./dom.js";
import { actionButton, canAct } from "./session.js";

const SILENT_S = 30;

const work = (worker) => {
  if (worker.is_gone) return "gone";
  if (!worker.run_id) return "waits";
  return [worker.member === null ? "evaluates " : `member ${worker.member} of `, el("a", { href: `#/runs/${worker.run_id}`, "data-key": `of-${worker.worker}` }, worker.run_id)];
};

const epoch = (worker) => (worker.epochs === null || worker.is_gone ? "" : `${(worker.epochs_done + worker.epoch_share).toFixed(1)}/${worker.epochs}`);

const row = (worker, mayAct) => {
  const silent = worker.is_gone || (Date.now() - Date.parse(worker.seen_at)) / 1000 > SILENT_S;
  return el("tr", { class: worker.is_gone ? "gone" : "" },
    el("th", { scope: "row" }, worker.name, worker.fits ? null : el("small", {}, `deepchord ${worker.version} does not fit`)),
    el("td", {}, [worker.engine, worker.device].filter(Boolean).join(" ")), el("td", {}, work(worker)),
    el("td", { class: "number" }, epoch(worker)), el("td", { class: "number" }, worker.samples_per_s ? `${number(worker.samples_per_s)}/s` : ""),
    el("td", { class: silent ? "number silent" : "number" }, ago(worker.seen_at)),
    mayAct ? el("td", {}, worker.is_gone ? "" : actionButton(`drain-${worker.worker}`, "Drain",
      { title: "Drain this worker?", text: `${worker.name} hands its member over and stops; another one goes on from the last saved epoch.`, yes: "Drain it" },
      "workers/drain", () => ({ worker: worker.name }))) : null);
};

export const workersView = (main, known) => {
  document.title = "Workers – deepchord";
  const [title, notices, body] = [el("h1"), el("div"), el("div")];
  main.append(el("section", { class: "headline" }, title, notices), el("section", { "aria-label": "All workers" }, body));
  const update = () => {
    if (!known.state) return;
    const there = known.workers.filter((worker) => !worker.is_gone);
    const busy = there.filter((worker) => worker.run_id).length;
    const hosts = new Set(there.map((worker) => worker.host)).size;
    render(title, el("span", { class: "score" }, String(there.length)),
      el("span", { class: "score-words" }, `${there.length === 1 ? "worker" : "workers"} on ${counted(hosts, "host")}, ${busy} at work`));
    render(notices, known.state.broker_trouble ? el("p", { class: "notice" }, known.state.broker_trouble)
      : there.length === 0 ? el("p", { class: "notice" }, "No worker is connected; deepchord worker starts one.") : null);
    const mayAct = canAct();
    const names = ["Worker", "Device", "At", "Epoch", "Speed", "Last sign", ...(mayAct ? ["Drain"] : [])];
    render(body, known.workers.length === 0 ? null : scrolling("workers-scroll", "workers", el("table", { class: "list" },
      el("thead", {}, el("tr", {}, names.map((name, place) => el("th", { scope: "col", class: place > 2 && place < 6 ? "number" : "" }, name)))),
      el("tbody", {}, known.workers.map((worker) => row(worker, mayAct))))));
  };
  return { update };
};
