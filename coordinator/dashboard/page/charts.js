// Lines on two axes, in the style of the report's curves.

import { el, number, svg } from "./dom.js";

const steps = [1, 2, 2.5, 5, 10];

// Round numbers between two ends, about so many.
const ticks = (low, high, wanted) => {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * steps.find((each) => each * power >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(Number(value.toPrecision(10)));
  return found;
};

const quantile = (values, share) => values[Math.min(values.length - 1, Math.floor(share * values.length))];

// lines: { xs, ys, kind, title }; a missing y leaves a gap. The few values far above all others do not squeeze the rest.
export const chart = ({ title, lines, xTitle = "epoch", y = null, x = null, opacity = 1 }) => {
  const all = lines.flatMap((line) => line.ys).filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  const xs = lines.flatMap((line) => line.xs);
  if (all.length === 0) return null;
  const top = all.length > 40 ? Math.min(all.at(-1), quantile(all, 0.98) * 1.15) : all.at(-1);
  const [yLow, yHigh] = y ?? (top > all[0] ? [all[0] - (top - all[0]) * 0.04, top + (top - all[0]) * 0.04] : [all[0] - 0.5, all[0] + 0.5]);
  const [xLow, xHigh] = x ?? [Math.min(...xs), Math.max(Math.min(...xs) + 1, ...xs)];
  const across = (value) => (100 * (value - xLow)) / (xHigh - xLow);
  const up = (value) => Math.min(100, (100 * (value - yLow)) / (yHigh - yLow));
  const yTicks = ticks(yLow, yHigh, 5);
  const xTicks = x ? ticks(xLow, xHigh, 5) : ticks(xLow, xHigh, Math.min(6, xHigh - xLow)).filter(Number.isInteger);
  const path = (line) => {
    let isDown = false;
    return line.xs.map((value, place) => {
      const found = line.ys[place];
      if (!Number.isFinite(found)) { isDown = false; return ""; }
      const move = isDown ? "L" : "M";
      isDown = true;
      // A point alone is a line of no length, which round caps make a dot.
      const dot = line.xs.length === 1 ? "h0" : "";
      return `${move}${across(value).toFixed(2)} ${(100 - up(found)).toFixed(2)}${dot}`;
    }).join("");
  };
  return el("figure", { class: "panel" },
    el("figcaption", {}, title),
    el("div", { class: "plot", style: { "--opacity": String(opacity) } },
      el("div", { class: "y-axis", "aria-hidden": "true" }, yTicks.map((tick) => el("span", { style: { bottom: `${up(tick)}%` } }, number(tick)))),
      svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${lines.length} lines` },
        yTicks.map((tick) => svg("path", { class: "grid", d: `M0 ${(100 - up(tick)).toFixed(2)}H100` })),
        lines.map((line) => svg("path", { class: line.kind, d: path(line) }, line.title ? svg("title", {}, line.title) : null))),
      el("div", { class: "x-axis", "aria-hidden": "true" }, xTicks.map((tick) => el("span", { style: { left: `${across(tick)}%` } }, number(tick))))),
    el("p", { class: "x-name" }, xTitle));
};
