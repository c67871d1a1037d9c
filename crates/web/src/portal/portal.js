// All that the pages want of a script; they work without it.

// A second press sends nothing, also while a slow network is still carrying the first.
for (const form of document.querySelectorAll("form:not([data-passkey])")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// A request's page looks again when something has happened, unless somebody is typing, or asked for their passkey.
const live = document.querySelector("[data-state]");
if (live) {
  let wait = 1000;
  const typing = () =>
    [...document.querySelectorAll("input.code")].some((input) => input.value) ||
    document.querySelector("form[data-busy]");
  const look = async () => {
    try {
      const answer = await fetch(live.dataset.at, { cache: "no-store" });
      if (answer.ok && (await answer.text()) !== live.dataset.state && !typing()) {
        location.replace(location.pathname);
        return;
      }
      if (answer.status === 404) return;
    } catch {
      // Out of reach for now: the next look may find it.
    }
    wait = Math.min(wait * 1.5, 30000);
    setTimeout(look, wait);
  };
  setTimeout(look, wait);
}
