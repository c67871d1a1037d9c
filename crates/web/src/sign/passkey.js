"use strict";
// A form with one button that asks the browser for a passkey. What it answers travels as a field of the form.

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

// A passkey is bound to a name: where the page has none, as at 127.0.0.1, no browser gives one.
const nameless = /^[\d.]+$|:/.test(location.hostname);

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const said = form.querySelector("[role=alert]");
  if (!window.PublicKeyCredential || nameless) {
    said.textContent = form.dataset.none;
    form.querySelector("button").disabled = true;
    continue;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // A second press asks nothing while the first is being answered: what it asked for would be asked for no more.
    if (form.dataset.busy) return;
    form.dataset.busy = "yes";
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
      delete form.dataset.busy;
    }
  });
}
// Somebody went back to a page that was left while it was sent.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    delete form.dataset.busy;
    form.elements.answer.value = "";
  }
});
