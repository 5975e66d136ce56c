// The attempts at all members on a line of time, a row for each worker.

import { clock, el, now } from "./dom.js";

const TICKS = 4;
const words = { running: "at work", trained: "trained", failed: "failed", "handed over": "handed over", lost: "ended without a trace" };

export const timeline = (attempts, hasEnded) => {
  if (attempts.length === 0) return null;
  const bars = attempts.map((attempt) => {
    const begin = Date.parse(attempt.started_at);
    const end = attempt.ended_at ? Date.parse(attempt.ended_at) : attempt.end === "running" && !hasEnded ? now() : begin;
    return { ...attempt, begin, finish: Math.max(begin, end) };
  });
  const first = Math.min(...bars.map((bar) => bar.begin));
  const last = Math.max(first + 1000, ...bars.map((bar) => bar.finish));
  const place = (time) => `${((100 * (time - first)) / (last - first)).toFixed(3)}%`;
  const workers = new Map();
  for (const bar of bars) workers.set(bar.worker, [...(workers.get(bar.worker) ?? []), bar]);
  const lanes = [...workers].map(([worker, own]) => el("li", { class: "lane" },
    el("span", { class: "lane-name" }, worker),
    el("ol", { class: "track" }, own.sort((a, b) => a.begin - b.begin).map((bar) => el("li", {
      class: `attempt ${bar.end.replace(" ", "-")}`,
      style: { left: place(bar.begin), width: `max(4px, ${place(first + bar.finish - bar.begin)})` },
      title: `Member ${bar.member}, attempt ${bar.number}: ${words[bar.end]}, ${clock((bar.finish - bar.begin) / 1000)}`,
    }, el("span", { class: "visually-hidden" }, "member "), String(bar.member),
      el("span", { class: "visually-hidden" }, `, ${words[bar.end]} after ${clock((bar.finish - bar.begin) / 1000)}`))))));
  const marks = Array.from({ length: TICKS + 1 }, (_, index) => index / TICKS);
  return el("div", { class: "timeline" },
    el("ol", { class: "lanes" }, lanes),
    el("div", { class: "marks", "aria-hidden": "true" }, marks.map((share) => el("span", { style: { left: `${100 * share}%` } }, clock((share * (last - first)) / 1000)))),
    el("p", { class: "keys" }, [...new Set(bars.map((bar) => bar.end))].map((end) => [el("span", { class: `key key-attempt ${end.replace(" ", "-")}` }, words[end]), " "])));
};
