// What this page may do: the token, the secret that actions send, and the dialog that asks before each of them.

import { el } from "./dom.js";

const byId = (id) => document.getElementById(id);
export const session = { csrf: null, actions: false, mayRead: false, version: "" };

const answerOf = async (response) => {
  let answer = {};
  try { answer = await response.json(); } catch { /* no JSON: the status says it */ }
  if (!response.ok) throw new Error(answer.error ?? `The server answered ${response.status}.`);
  return answer;
};

const enter = async (token) => {
  const response = await fetch("session", { method: "POST", headers: { authorization: `Bearer ${token}` } });
  session.csrf = (await answerOf(response)).csrf;
  session.mayRead = true;
};

// Learn what is allowed. A token in the address is used and taken out of it, so that no history keeps it.
export const begin = async () => {
  const given = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (given) {
    history.replaceState(null, "", `${location.pathname}#/`);
    try { await enter(decodeURIComponent(given)); } catch (error) { tell(error.message, true); }
  }
  const found = await answerOf(await fetch("session"));
  Object.assign(session, { csrf: found.csrf, actions: found.actions, mayRead: found.may_read, version: found.version });
  byId("unlock").hidden = !found.actions || found.csrf !== null;
};

export const canAct = () => session.actions && session.csrf !== null;

export const load = async (path) => answerOf(await fetch(path));

export const tell = (sentence, isTrouble = false) => {
  const toast = byId("toast");
  toast.replaceChildren(sentence);
  toast.classList.toggle("trouble", isTrouble);
  toast.hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { toast.hidden = true; }, isTrouble ? 15000 : 6000);
};

// Ask with the page's dialog; `done` gets what was typed, and may refuse with an error that is shown.
export const ask = ({ title, text, yes, field = null, secret = false, value = "", done }) => {
  const dialog = byId("dialog");
  const [input, refused, button] = [byId("dialog-input"), byId("dialog-refused"), byId("dialog-yes")];
  byId("dialog-title").textContent = title;
  byId("dialog-text").textContent = text;
  byId("dialog-field").hidden = field === null;
  byId("dialog-label").textContent = field ?? "";
  Object.assign(input, { type: secret ? "password" : "text", value });
  refused.hidden = true;
  button.textContent = yes;
  const send = async () => {
    button.disabled = true;
    try {
      await done(input.value.trim());
      dialog.close();
    } catch (error) {
      refused.textContent = error.message;
      refused.hidden = false;
    } finally {
      button.disabled = false;
    }
  };
  button.onclick = send;
  input.onkeydown = (event) => { if (event.key === "Enter") send(); };
  byId("dialog-no").onclick = () => dialog.close();
  dialog.showModal();
};

export const askForToken = (then) => ask({
  title: "The token of this dashboard",
  text: "It is DEEPCHORD_DASHBOARD_TOKEN where the dashboard was started, or stands in the address that it printed.",
  yes: "Use it",
  field: "Token",
  secret: true,
  done: async (token) => { await enter(token); await begin(); then(); },
});

const post = async (path, body) => {
  const headers = { "content-type": "application/json", "x-deepchord-csrf": session.csrf ?? "" };
  const answer = await answerOf(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
  tell(answer.done);
};

export const actionButton = (key, label, question, path, body = () => ({})) =>
  el("button", { type: "button", "data-key": key, onclick: () => ask({ ...question, done: (typed) => post(path, body(typed)) }) }, label);
