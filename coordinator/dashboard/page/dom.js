// Elements of the page. Text only ever becomes text: nothing here takes markup.

const SVG = "http://www.w3.org/2000/svg";

const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// Put new children into a container; what had the focus (by its data-key) has it afterwards.
export const render = (container, ...children) => {
  const active = document.activeElement;
  const key = container.contains(active) ? active.dataset.key : undefined;
  const open = new Set([...container.querySelectorAll("details[open][data-key]")].map((each) => each.dataset.key));
  const places = new Map([...container.querySelectorAll(".scroll[data-key]")].map((each) => [each.dataset.key, each.scrollLeft]));
  container.replaceChildren(...children.flat(3).filter(Boolean));
  for (const each of container.querySelectorAll("details[data-key]")) each.open = open.has(each.dataset.key);
  for (const each of container.querySelectorAll(".scroll[data-key]")) each.scrollLeft = places.get(each.dataset.key) ?? 0;
  if (key) container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
};

// Table cells that scroll sideways on small screens, reachable with the keyboard.
export const scrolling = (key, label, table) =>
  el("div", { class: "scroll", role: "region", "aria-label": `Table of ${label}`, tabindex: "0", "data-key": key }, table);

// Numbers and times in words.

let ahead = 0; // by how much this clock is ahead of the server's, ms
export const setServerTime = (text) => { ahead = Date.now() - Date.parse(text); };
export const now = () => Date.now() - ahead;

export const percent = (share, digits = 2) => `${(100 * share).toFixed(digits)} %`;
export const number = (value) => (value === null || value === undefined ? "" : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4))));
export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

export const clock = (seconds) => {
  const all = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
};

export const ago = (text) => {
  const seconds = Math.max(0, (now() - Date.parse(text)) / 1000);
  if (seconds < 5) return "now";
  if (seconds < 100) return `${Math.round(seconds)} s ago`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(text).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
};

export const since = (text) => {
  const time = new Date(text);
  return el("time", { datetime: text, title: time.toLocaleString("en-GB") }, ago(text));
};

// Pages of a long table.
export const pager = (what, page, size, total, go) => {
  if (total <= size) return null;
  const first = page * size;
  const last = Math.min(total, first + size);
  return el("nav", { class: "pager", "aria-label": `Pages of ${what}` },
    el("button", { type: "button", "data-key": `${what}-before`, disabled: page === 0, onclick: () => go(page - 1) }, "Before"),
    el("span", {}, `${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")} of ${total.toLocaleString("en")}`),
    el("button", { type: "button", "data-key": `${what}-after`, disabled: last >= total, onclick: () => go(page + 1) }, "After"));
};
