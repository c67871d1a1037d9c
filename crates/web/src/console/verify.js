"use strict";
// Checks the ledger without trusting the server: SHA-256 over what it sends, RFC 6962 trees, and the signature of the
// checkpoint. How a note, a key and a tile are written stands in C2SP: signed-note, tlog-checkpoint, tlog-tiles.

const TILE = 256;
// Beyond this the program does it better than a page.
const MOST = 200000;

const bytes = (text) => new TextEncoder().encode(text);
const unbase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const base64 = (array) => btoa(String.fromCharCode(...array));
const joined = (...parts) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
const sha256 = async (data) => new Uint8Array(await crypto.subtle.digest("SHA-256", data));
const leaf = (entry) => sha256(joined(new Uint8Array([0]), entry));
const node = (left, right) => sha256(joined(new Uint8Array([1]), left, right));
const same = (a, b) => a.length === b.length && a.every((byte, n) => byte === b[n]);

// The root over all leaves: the largest power of two below the number stands on the left.
const root = async (hashes) => {
  if (hashes.length === 0) return sha256(new Uint8Array());
  if (hashes.length === 1) return hashes[0];
  let half = 1;
  while (half * 2 < hashes.length) half *= 2;
  return node(await root(hashes.slice(0, half)), await root(hashes.slice(half)));
};

// The root that a leaf and its path lead to (RFC 9162, 2.1.3.2).
const included = async (hash, index, size, path) => {
  if (index >= size) return null;
  let [at, last, result] = [index, size - 1, hash];
  for (const beside of path) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      result = await node(beside, result);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else {
      result = await node(result, beside);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? result : null;
};

const parse = (note) => {
  const cut = note.indexOf("\n\n");
  const [origin, size, hash] = note.slice(0, cut).split("\n");
  const signatures = note.slice(cut + 2).split("\n").filter((line) => line.startsWith("\u2014 "));
  return { text: note.slice(0, cut + 1), origin, size: Number(size), root: unbase64(hash), signatures };
};

// Whether the key of this text signed the note; null where the browser cannot tell.
const signed = async (checkpoint, vkey) => {
  const [name, id] = vkey.split("+", 2);
  const key = unbase64(vkey.slice(name.length + id.length + 2));
  if (key.length !== 33 || key[0] !== 1) return false;
  const named = (await sha256(joined(bytes(`${name}\n`), key))).slice(0, 4);
  const hex = [...named].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== id || name !== checkpoint.origin) return false;
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return null;
  }
  for (const line of checkpoint.signatures) {
    const [, by, text] = line.split(" ");
    const signature = unbase64(text);
    if (by === name && same(signature.slice(0, 4), named)) {
      if (await crypto.subtle.verify("Ed25519", imported, signature.slice(4), bytes(checkpoint.text))) return true;
    }
  }
  return false;
};

const number = (n) => {
  let text = String(n % 1000).padStart(3, "0");
  for (n = Math.floor(n / 1000); n > 0; n = Math.floor(n / 1000)) text = `x${String(n % 1000).padStart(3, "0")}/${text}`;
  return text;
};
// Every entry of a ledger of this size, from its bundles: two bytes of length, then the entry.
const entries = async function* (size) {
  for (let n = 0; n * TILE < size; n++) {
    const width = Math.min(TILE, size - n * TILE);
    const answer = await fetch(`/ledger/tile/entries/${number(n)}${width < TILE ? `.p/${width}` : ""}`);
    if (!answer.ok) throw new Error("a bundle of entries could not be fetched");
    const data = new Uint8Array(await answer.arrayBuffer());
    let [at, count] = [0, 0];
    while (at < data.length) {
      const length = data[at] * 256 + data[at + 1];
      yield data.slice(at + 2, at + 2 + length);
      at += 2 + length;
      count++;
    }
    if (count !== width) throw new Error("a bundle does not have as many entries as it should");
  }
};

const card = document.querySelector("[data-verify]");
const list = card.querySelector("[data-checks]");
const button = card.querySelector("[data-check]");
const found = (good, text) => {
  const item = document.createElement("li");
  const mark = document.createElement("span");
  mark.className = good === null ? "quiet" : good ? "ok" : "no";
  mark.textContent = good === null ? "– " : good ? "✓ " : "✗ ";
  item.append(mark, text);
  list.append(item);
  return good !== false;
};

const signature = async (checkpoint) => {
  const good = await signed(checkpoint, card.querySelector("#vkey").value.trim());
  const told = [
    "The checkpoint is signed by this key.",
    "The checkpoint is not signed by this key.",
    "This browser cannot check Ed25519: the signature is unchecked.",
  ];
  return found(good, good === null ? told[2] : good ? told[0] : told[1]);
};

const ledger = async () => {
  const answer = await fetch("/ledger/checkpoint", { cache: "no-store" });
  if (!answer.ok) throw new Error("there is no checkpoint");
  const checkpoint = parse(await answer.text());
  let good = await signature(checkpoint);
  if (checkpoint.size > MOST) {
    return found(null, `${checkpoint.size} entries are too many for a page: use countersign ledger verify.`) && good;
  }
  const hashes = [];
  for await (const entry of entries(checkpoint.size)) hashes.push(await leaf(entry));
  const right = same(await root(hashes), checkpoint.root);
  const text = right ? "Their hash is the one that is signed." : "Their hash is NOT the one that is signed.";
  good = found(right, `${checkpoint.size} entries were fetched and hashed. ${text}`) && good;
  return good;
};

const evidence = async () => {
  const answer = await fetch(card.dataset.from, { cache: "no-store" });
  if (!answer.ok) throw new Error("the evidence could not be fetched");
  const file = await answer.json();
  const checkpoint = parse(file.checkpoint);
  let good = await signature(checkpoint);
  let right = 0;
  for (const { index, entry, proof } of file.entries) {
    // c2sp.org/tlog-proof@v1, the index, the hashes, an empty line, the checkpoint.
    const lines = proof.split("\n");
    const end = lines.indexOf("");
    const path = lines.slice(0, end).filter((line) => /^[A-Za-z0-9+/]{43}=$/.test(line)).map(unbase64);
    const leads = await included(await leaf(bytes(entry)), index, checkpoint.size, path);
    const fits = leads !== null && same(leads, checkpoint.root) && JSON.parse(entry).request === file.request;
    right += fits ? 1 : 0;
    const place = document.querySelector(`[data-checked="${Number(index)}"]`);
    if (place) {
      place.className = fits ? "ok" : "no";
      place.textContent = fits ? "✓ is in the ledger" : "✗ is not what the ledger holds";
    }
  }
  const whole = right === file.entries.length && right > 0;
  good = found(whole, `${right} of ${file.entries.length} entries lead to the signed checkpoint over ${checkpoint.size}.`) && good;
  return good;
};

button.disabled = false;
button.addEventListener("click", async () => {
  list.replaceChildren();
  button.disabled = true;
  try {
    const good = await (card.dataset.verify === "ledger" ? ledger() : evidence());
    found(good, good ? "All of it holds." : "It does NOT hold. Tell your auditor, and keep what you downloaded.");
  } catch (error) {
    found(false, `It could not be checked: ${error.message}.`);
  }
  button.disabled = false;
});
