// What these pages want of a script, beside asking for passkeys: to send nothing twice, and to show nothing any more to
// whoever is signed out.

// A second press of any other form sends nothing, also while a slow network is still carrying the first.
for (const form of document.querySelectorAll("form:not([data-passkey])")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// Somebody comes back to the page of an account, and their session may be over.
addEventListener("visibilitychange", async () => {
  if (document.hidden || !document.querySelector("form[action$='/sign-out']")) return;
  const answer = await fetch(location.pathname, { cache: "no-store" }).catch(() => null);
  if (!answer?.redirected) return;
  const door = new URL(answer.url);
  door.searchParams.set("note", "over");
  location.replace(door);
});
