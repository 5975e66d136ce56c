// One run: how far it is, who trained what when, losses, members, what failed, its recipe, its report.

import { chart } from "./charts.js";
import { ago, clock, counted, el, now, number, pager, percent, render, scrolling, since } from "./dom.js";
import { chip } from "./runs.js";
import { actionButton, canAct } from "./session.js";
import { timeline } from "./timeline.js";

const SIZE = 50;

const scoreText = (run, score) => (score === null || score === undefined ? "" : run.task === "regression" ? `${number(score)} SD` : percent(score));

const headline = (run) => {
  const scores = Object.entries(run.scores ?? {});
  if (run.scores && run.task === "classification") {
    return [el("span", { class: "score" }, (100 * run.scores["Test accuracy"]).toFixed(2), el("small", {}, "\u00a0%")),
      el("span", { class: "score-words" }, `test accuracy of an ensemble of ${counted(run.trained, "network")} on ${run.dataset}`)];
  }
  if (scores.length) {
    return [el("span", { class: "score" }, number(scores[0][1])),
      el("span", { class: "score-words" }, `${scores[0][0].replace("Test RMSE", "test RMSE")}, of an ensemble of ${counted(run.trained, "network")}`)];
  }
  return [el("span", { class: "score" }, String(run.trained), el("small", {}, `\u00a0/\u00a0${run.members}`)),
    el("span", { class: "score-words" }, `${run.members === 1 ? "member" : "members"} trained on ${run.dataset}`)];
};

const notices = (run) => [
  run.trouble && ["failures", run.trouble],
  run.failure && ["failures", `The run failed: ${run.failure}`],
  run.cancelled_from && ["notice", `Cancelled from ${run.cancelled_from}; deepchord resume ${run.run_id} goes on from the last saved epochs.`],
  run.awaited_members && ["notice", `More members still help, ${run.awaited_members} in all: whoever looks after the run adds them.`],
  run.stall && ["notice", `The run stands still: ${run.stall}.`],
  run.evaluation_note && !run.has_ended && ["notice", `The evaluation had trouble: ${run.evaluation_note}`],
].filter(Boolean).map(([kind, text]) => el("p", { class: kind }, text));

const facts = (run) => {
  const end = run.ended_at ? Date.parse(run.ended_at) : now();
  const rows = [
    ["State", chip(run.state)],
    ["Members", `${run.trained} of ${run.members} trained`, run.ended > run.trained ? `${run.ended - run.trained} failed` : `at least ${run.min_members} wanted`],
    ["Begun", since(run.created_at), new Date(run.created_at).toLocaleString("en-GB")],
    [run.has_ended ? "Took" : "So long now", clock((end - Date.parse(run.created_at)) / 1000), `at most ${counted(run.epochs, "epoch")} a member`],
  ];
  if (run.so_far && !run.scores) rows.push(["Ensemble so far", percent(run.so_far.accuracy), `${counted(run.so_far.members, "member")}, test loss ${number(run.so_far.loss)}`]);
  for (const [name, value] of Object.entries(run.scores ?? {}).slice(1)) rows.push([name, name.includes("accuracy") ? percent(value) : number(value)]);
  return el("dl", { class: "facts" }, rows.map(([name, value, more]) => el("div", {}, el("dt", {}, name), el("dd", {}, value, more ? el("small", {}, more) : null))));
};

const buttons = (run) => {
  const path = (action) => `runs/${encodeURIComponent(run.run_id)}/${action}`;
  const isWhole = run.state === "evaluated";
  const acts = !canAct() || run.state === "unreadable" ? [] : [
    !run.has_ended && actionButton("cancel", "Cancel", { title: "Cancel this run?", text: "Its members stop at the next batch; resume goes on from the last saved epochs.", yes: "Cancel it" }, path("cancel")),
    !isWhole && actionButton("resume", "Resume", { title: "Let this run go on?", text: "Members without a record get all their attempts again.", yes: "Resume it" }, path("resume")),
    actionButton("extend", "Extend", { title: "Add members?", text: `It has ${run.members}; those that are trained stay.`, yes: "Extend it", field: "Members in all", value: String(run.members + 5) },
      path("extend"), (typed) => ({ members: Number(typed) })),
  ];
  const file = (name, text) => el("a", { class: "button", href: `${path("files")}/${name}`, download: "", "data-key": name }, text);
  return el("p", { class: "buttons" }, acts,
    isWhole ? el("a", { class: "button strong", href: path("report"), target: "_blank", rel: "noopener", "data-key": "report" }, "Open the report") : null,
    run.state === "unreadable" ? null : [isWhole ? file("evaluation.json", "evaluation.json") : null, file("recipe.toml", "recipe.toml")]);
};

const memberRow = (run, member) => {
  if (member.progress) {
    const line = member.progress;
    const left = line.seconds_left === null ? line.phase : `${clock(line.seconds_left)} left`;
    return el("tr", { class: "at-work" }, el("th", { scope: "row" }, String(line.index)), el("td", {}, chip("training")),
      el("td", {}, el("span", { class: "bar", "aria-hidden": "true" }, el("i", { style: { width: percent(line.share) .replace(" ", "") } })), ` ${line.epochs_done}/${line.epochs}, ${left}`),
      el("td", { class: "number" }, number(line.loss)), el("td", { class: "number" }, scoreText(run, line.score)),
      el("td", { class: "number" }, String(line.attempt)), el("td", {}, line.place));
  }
  if (member.status === "failed") {
    return el("tr", { class: "failed" }, el("th", { scope: "row" }, String(member.index)), el("td", {}, chip("failed")),
      el("td", { colspan: "3" }, member.error.split("\n")[0]), el("td", { class: "number" }, String(member.attempt)), el("td", {}, member.place));
  }
  return el("tr", {}, el("th", { scope: "row" }, String(member.index)), el("td", {}, chip("trained")),
    el("td", {}, `${member.epochs}, best ${member.best_epoch}, ${clock(member.duration_s)}`),
    el("td", { class: "number" }, number(member.loss)), el("td", { class: "number" }, scoreText(run, member.score)),
    el("td", { class: "number" }, String(member.attempt)), el("td", {}, member.place));
};

const memberTable = (run, rows) => scrolling("members-scroll", "members", el("table", { class: "list members" },
  el("thead", {}, el("tr", {}, ["Member", "State", "Epochs", "Val. loss", { regression: "Val. RMSE", multilabel: "Val. wrong labels" }[run.task] ?? "Val. accuracy", "Attempt", "Where"]
    .map((name, place) => el("th", { scope: "col", class: place > 2 && place < 6 ? "number" : "" }, name)))),
  el("tbody", {}, rows.map((member) => memberRow(run, member)))));

const failures = (run, attempts, members) => {
  const failed = attempts.filter((attempt) => attempt.error);
  const notes = Object.entries(run.notes ?? {}).filter(([index]) => !members.some((member) => String(member.index) === index));
  return [...failed.map((attempt) => el("details", { "data-key": `failure-${attempt.member}-${attempt.number}` },
    el("summary", {}, `Member ${attempt.member}, attempt ${attempt.number} on ${attempt.worker}, ${ago(attempt.ended_at)}`), el("pre", { tabindex: "0" }, attempt.error))),
  ...notes.map(([index, text]) => el("p", { class: "note" }, `Member ${index} had trouble: ${text}`))];
};

const curvePanels = (curves) => {
  const opacity = Math.max(0.25, Math.min(1, 5 / curves.members.length));
  const lines = (name) => curves.members.flatMap((member) => [
    { xs: member.epochs, ys: member[`train_${name}`], kind: "train", title: `member ${member.index}, train` },
    { xs: member.epochs, ys: member[`validation_${name}`], kind: "validation", title: `member ${member.index}, validation` }]);
  const panels = [chart({ title: "Loss", lines: lines("loss"), opacity }),
    chart({ title: curves.score === "error" ? "Error, in standard deviations" : "Accuracy", lines: lines("score"), opacity })].filter(Boolean);
  return panels.length === 0 ? null : [
    el("p", { class: "keys" }, el("span", { class: "key key-train" }, "Train"), " ", el("span", { class: "key key-validation" }, "Validation")),
    el("div", { class: "panels" }, panels),
    curves.all > curves.members.length ? el("p", { class: "note" }, `The first ${curves.members.length} of ${curves.all} members are drawn.`) : null,
    curves.members.some((member) => member.best === null) ? el("p", { class: "note" }, "Of members in training, the epochs are drawn that came while this page was open.") : null];
};

const section = (id, title, ...content) => {
  const shown = content.flat(3).filter(Boolean);
  return shown.length === 0 ? null : el("section", { "aria-labelledby": id }, el("h2", { id }, title), shown);
};

export const runView = (main, known, { run: id }) => {
  document.title = `${id} – deepchord`;
  const [head, body, inside] = [el("header", { class: "headline" }), el("div", { class: "parts" }), el("div", { class: "parts" })];
  main.append(head, body, inside);
  let page = 0;
  let drawn = {};
  const update = () => {
    const { run, plan, members = [], curves, attempts = [] } = known.run;
    if (!run) { render(head, el("p", { class: "eyebrow" }, id), el("p", { class: "lede" }, "Reading the run …")); return; }
    if (run.state === "unreadable") { render(head, el("p", { class: "eyebrow" }, id), el("h1", { class: "plain" }, "This run cannot be read"), notices(run)); return; }
    render(head, el("p", { class: "eyebrow" }, el("span", { class: "run-title" }, id), el("span", {}, `${run.preset} on ${run.dataset}`),
      run.live || run.has_ended ? null : el("span", {}, "without a broker: what storage tells")),
      el("h1", {}, headline(run)),
      run.has_ended ? null : el("p", { class: "bar whole", role: "progressbar", "aria-label": "Training done", "aria-valuenow": String(Math.round(100 * run.share_done)), "aria-valuemin": "0", "aria-valuemax": "100" },
        el("i", { style: { width: `${100 * run.share_done}%` } })),
      notices(run), facts(run), buttons(run));
    if (drawn.curves !== curves) drawn = { ...drawn, curves, panels: curves ? curvePanels(curves) : null };
    const ended = new Set(members.map((member) => member.index));
    const rows = [...(run.progress ?? []).filter((line) => !ended.has(line.index)).map((line) => ({ progress: line })), ...members];
    const waiting = run.members - rows.length;
    render(body,
      section("timeline", "Who trained what, when", timeline(attempts, run.has_ended)),
      section("curves", "Training", drawn.panels),
      section("members", "Members", rows.length ? memberTable(run, rows.slice(page * SIZE, (page + 1) * SIZE)) : null,
        pager("members", page, SIZE, rows.length, (wanted) => { page = wanted; update(); }),
        waiting > 0 && !run.has_ended ? el("p", { class: "note" }, `${counted(waiting, "member")} ${waiting === 1 ? "waits" : "wait"} for a worker.`) : null),
      section("failures", "What failed", failures(run, attempts, members)),
      section("recipe", "Recipe", plan ? el("dl", { class: "details plan" }, Object.entries(plan).filter(([, value]) => value !== null)
        .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value))))) : null));
    if (run.state === "evaluated" && !inside.hasChildNodes()) {
      const show = el("button", { type: "button", onclick: () => show.replaceWith(el("iframe", { title: `Report of run ${id}`, src: `runs/${encodeURIComponent(id)}/report`, sandbox: "allow-scripts" })) }, "Show the report here");
      inside.append(section("report", "Report", show));
    }
  };
  return { update };
};
