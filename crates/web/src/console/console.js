"use strict";
// What a reviewer wants beside pages that can be read without it: what happens appears by itself, and keys.

// A second press sends nothing, also while a slow network is still carrying the first.
addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]") || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// What was typed and chosen is there again for whoever had to prove first that it is them; not once it was done.
const KEPT = "countersign-kept:";
const MOMENT = 10 * 60 * 1000;
addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-keep]")) return;
  const typed = [...form.querySelectorAll("textarea")].map((field) => [field.name, field.value]);
  const chosen = [...form.querySelectorAll("input:checked")].map((field) => [field.name, field.value]);
  sessionStorage.setItem(KEPT + form.getAttribute("action"), JSON.stringify({ at: Date.now(), typed, chosen }));
});
for (const form of document.querySelectorAll("[data-keep]")) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT + form.getAttribute("action")) ?? "null");
  if (!kept || Date.now() - kept.at > MOMENT || document.querySelector(".note.good[role=status]")) continue;
  for (const [field, value] of kept.typed) {
    const area = [...form.querySelectorAll("textarea")].find((one) => one.name === field);
    if (area && !area.value) area.value = value;
    if (value) area?.closest("details")?.setAttribute("open", "");
  }
  for (const [field, value] of kept.chosen) {
    const box = [...form.querySelectorAll("input")].find((one) => one.name === field && one.value === value);
    // Somebody who is sure says so anew.
    if (box && !(box.required && box.type === "checkbox")) box.checked = true;
  }
}
// Nothing of it stays beyond the first page that comes after.
for (const name of Object.keys(sessionStorage)) if (name.startsWith(KEPT)) sessionStorage.removeItem(name);

// ── What happens appears by itself. ─────────────────────────────────────────────────────────────────────────────────
const live = document.querySelector("[data-live]") !== null;
const feed = document.body.dataset.feed;
const about = document.querySelector("[data-request]")?.dataset.request;
const dot = document.querySelector("[data-line]");

const say = (on) => {
  if (!dot) return;
  dot.hidden = false;
  dot.dataset.line = on ? "on" : "off";
  dot.title = on ? "live" : "not live: the line is broken, and is tried again";
};

// Two pages of one place differ also in the names of their forms.
const bare = (element) => {
  const copy = element.cloneNode(true);
  for (const input of copy.querySelectorAll("input[type=hidden]")) input.remove();
  for (const one of copy.querySelectorAll("time, .new")) one.classList.remove("new");
  return copy.innerHTML;
};
const busy = (element) => {
  const at = document.activeElement;
  const written = [...element.querySelectorAll("textarea, input[type=text]")].some((field) => field.value);
  const chosen = element.querySelector("input[type=checkbox]:checked") !== null;
  return written || chosen || (element.contains(at) && at.matches("textarea, input"));
};

// The door says why one stands before it.
const out = (url) => {
  const to = new URL(url);
  if (to.pathname.endsWith("/sign-in")) to.searchParams.set("note", "over");
  return to;
};

// Much may happen at once: one look sees all of it. The second comes soon, for one act is often two events, and the others
// after it more and more seldom.
const PAUSES = [20, 40, 100];
// What follows from an event is written a moment after it, and not always told: once all is quiet, a page looks once more.
const QUIET = 1000;
let looking = false;
let again = false;
let run = 0;
let later;
const look = async () => {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const answer = await fetch(location.pathname + location.search, { cache: "no-store" });
    // Signed out meanwhile, or not theirs any more: nobody goes on reading it.
    if (answer.redirected) return location.replace(out(answer.url));
    if (live && (answer.status === 403 || answer.status === 404)) return location.reload();
    if (!answer.ok) return;
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // Out of reach for now: the feed comes back and looks again.
  } finally {
    setTimeout(() => {
      looking = false;
      run = again ? Math.min(run + 1, PAUSES.length - 1) : 0;
      if (again) {
        again = false;
        look();
      }
    }, document.hidden ? 2000 : PAUSES[run]);
  }
};

const show = (page) => {
  for (const old of document.querySelectorAll("[data-live]")) {
    const young = page.getElementById(old.id);
    if (!young || bare(young) === bare(old)) continue;
    if (busy(old)) {
      merge(old, young);
      continue;
    }
    const at = document.activeElement?.closest("[data-row]")?.dataset.row;
    const known = new Set([...old.querySelectorAll("[data-row]")].map((row) => row.dataset.row));
    for (const row of young.querySelectorAll("[data-row]")) if (!known.has(row.dataset.row)) row.classList.add("new");
    const open = old.querySelector("details[open]") !== null;
    old.replaceWith(young);
    if (open) young.querySelector("details")?.setAttribute("open", "");
    if (at) young.querySelector(`[data-row="${CSS.escape(at)}"] a`)?.focus();
  }
  title(page.title);
  // What somebody is about to sign is not changed under their hand: they are told.
  const form = document.querySelector("#decide");
  const young = page.querySelector("#decide");
  if (form && !young) {
    // It is over, or has gone on: there is nothing to decide any more.
    form.closest("section").remove();
  } else if (form) {
    const stale = young.dataset.digest !== form.dataset.digest;
    form.querySelector("[data-stale]").hidden = !stale;
    for (const button of form.querySelectorAll("#approve")) button.disabled = stale;
  } else if (young) {
    location.reload();
  }
};

// While somebody chooses or writes, rows only come and go beside what they do.
const merge = (old, young) => {
  const rows = (from) => new Map([...from.querySelectorAll("[data-row]")].map((row) => [row.dataset.row, row]));
  const [before, after] = [rows(old), rows(young)];
  const body = old.querySelector("tbody");
  if (!body) return;
  for (const [id, row] of before) if (!after.has(id) && !row.querySelector("input:checked")) row.remove();
  for (const [id, row] of after) if (!before.has(id)) body.append(row);
};

// ── How many wait: in the title of every page, and in a notification, if somebody wants one. It never says who. ─────
const ask = document.querySelector("[data-notify]");
const waiting = document.body.dataset.waiting;
let known = null;
const title = (text) => {
  const alone = text.replace(/^\(\d+\+?\) /, "");
  if (known === null) document.title = text;
  else document.title = known.count === 0 ? alone : `(${known.shown}) ${alone}`;
};
const tell = (now) => {
  // Beyond what is counted, the newest is another one.
  const more = known !== null && (now.count > known.count || (now.newest ?? "") > (known.newest ?? ""));
  known = now;
  title(document.title);
  if (more && document.hidden && "Notification" in window && Notification.permission === "granted") {
    new Notification("Countersign", { body: `${now.shown} ${now.count === 1 ? "waits" : "wait"} for you`, tag: "countersign-inbox" });
  }
};
let counting = false;
let anew = false;
const count = async () => {
  if (!waiting || counting) {
    anew = counting;
    return;
  }
  counting = true;
  try {
    const answer = await fetch(waiting, { cache: "no-store" });
    if (answer.ok && !answer.redirected) tell(await answer.json());
  } catch {
    // As for a look: the feed comes back.
  } finally {
    setTimeout(() => {
      counting = false;
      if (anew) {
        anew = false;
        count();
      }
    }, 1000);
  }
};
if (ask && "Notification" in window && Notification.permission === "default") {
  ask.hidden = false;
  ask.addEventListener("click", async () => {
    await Notification.requestPermission();
    ask.hidden = true;
  });
}

// ── The line. One tab of a browser holds it and tells the others, since a browser opens only a few to one host. ─────
const heard = (ids) => {
  // The page first: what is on it is waited for.
  if (live && (!about || ids === null || ids.includes(about))) {
    look();
    clearTimeout(later);
    later = setTimeout(look, QUIET);
  }
  count();
};
const listen = () => {
  const channel = new BroadcastChannel("countersign-feed");
  channel.onmessage = (event) => {
    if (event.data.refused) look();
    else if (event.data.on !== undefined) say(event.data.on);
    else heard(event.data.ids);
  };
  const both = (message) => {
    channel.postMessage(message);
    channel.onmessage({ data: message });
  };
  const hold = () =>
    new Promise(() => {
      let wait = 1000;
      const open = () => {
        const line = new EventSource(feed);
        // Whatever happened while nobody listened is seen by looking once.
        line.addEventListener("ready", () => {
          wait = 1000;
          both({ on: true });
          both({ ids: null });
        });
        line.addEventListener("changed", (event) => both({ ids: JSON.parse(event.data) }));
        line.addEventListener("error", () => {
          both({ on: false });
          // A browser tries again by itself unless it was refused; then it is our turn.
          if (line.readyState === EventSource.CLOSED) {
            both({ refused: true });
            setTimeout(open, wait);
            wait = Math.min(wait * 2, 60000);
          }
        });
      };
      open();
    });
  if (navigator.locks) navigator.locks.request("countersign-feed", hold);
  else hold();
};
// Pages on which nothing happens listen too: for the end of their reader's session.
if (feed) listen();
count();
addEventListener("visibilitychange", () => {
  if (!document.hidden && document.querySelector(".me")) look();
});

// ── Keys. They can be switched off: some people speak to their machine. ─────────────────────────────────────────────
const help = document.querySelector("#help");
const on = document.querySelector("#keys-on");
const shown = document.querySelector("[data-help]");
if (shown && help) {
  shown.hidden = false;
  shown.addEventListener("click", () => help.showModal());
}
if (on) {
  on.checked = localStorage.getItem("countersign-keys") !== "off";
  on.addEventListener("change", () => localStorage.setItem("countersign-keys", on.checked ? "on" : "off"));
}
const rows = () => [...document.querySelectorAll("[data-row] a")];
const step = (by) => {
  const all = rows();
  const at = all.indexOf(document.activeElement?.closest("[data-row]")?.querySelector("a"));
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next]?.focus();
};
// In a list, a and d open the request there: nobody signs what they have not seen.
const decide = (id) => {
  const button = document.getElementById(id);
  if (button) return button.focus();
  const link = document.activeElement?.closest("[data-row]")?.querySelector("a");
  if (link) location.assign(`${link.href}#${id}`);
};
const keys = {
  j: () => step(1),
  k: () => step(-1),
  x: () => document.activeElement?.closest("[data-row]")?.querySelector("input[type=checkbox]")?.click(),
  a: () => decide("approve"),
  d: () => decide("deny"),
  c: () => document.querySelector("#comment")?.focus(),
  i: () => location.assign("/console"),
  "?": () => help?.showModal(),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (on && !on.checked) return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select") || help?.open) return;
  const act = Object.hasOwn(keys, event.key) && keys[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});
if (location.hash === "#approve" || location.hash === "#deny") document.querySelector(location.hash)?.focus();
