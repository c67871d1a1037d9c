"use strict";
// What these pages want of a script: to ask the browser for a passkey, whose answer travels as a field of the form; and to
// show nothing any more to whoever is signed out.

const bytes = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
};
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const asked = (options) => {
  const it = options.publicKey;
  it.challenge = bytes(it.challenge);
  if (it.user) it.user.id = bytes(it.user.id);
  for (const known of [...(it.allowCredentials ?? []), ...(it.excludeCredentials ?? [])]) known.id = bytes(known.id);
  return { publicKey: it };
};
const answered = (made) => {
  const response = { clientDataJSON: text(made.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[name]) response[name] = text(made.response[name]);
  }
  return { id: made.id, rawId: text(made.rawId), type: made.type, response, extensions: made.getClientExtensionResults() };
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const said = form.querySelector("[role=alert]");
  if (!window.PublicKeyCredential) {
    said.textContent = form.dataset.none;
    form.querySelector("button").disabled = true;
    continue;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      const fields = new URLSearchParams(new FormData(form));
      const begun = await fetch(form.dataset.begin, { method: "POST", body: fields });
      if (!begun.ok) throw new Error(begun.status);
      const options = asked(await begun.json());
      const made = await (form.dataset.passkey === "new"
        ? navigator.credentials.create(options)
        : navigator.credentials.get(options));
      form.elements.answer.value = JSON.stringify(answered(made));
      form.submit();
    } catch {
      said.textContent = form.dataset.failed;
    }
  });
}

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
