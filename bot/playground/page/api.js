// The REST API, as the member who is speaking.

const BASE = "/api/v10";
let token = "";

export function speakAs(newToken) {
  token = newToken;
}

export class Refused extends Error {
  constructor(status, body) {
    super(describe(body) ?? `The server answered ${status}.`);
    this.status = status;
    this.code = body?.code;
  }
}

function describe(body) {
  const first = (errors) => {
    if (!errors || typeof errors !== "object") return undefined;
    if (Array.isArray(errors._errors)) return errors._errors[0]?.message;
    return Object.values(errors).map(first).find(Boolean);
  };
  return first(body?.errors) ?? body?.message;
}

/** One request; waits and tries again when the server says 429. */
export async function call(method, path, body) {
  const headers = { Authorization: token };
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  for (;;) {
    const response = await fetch(BASE + path, { method, headers, body });
    const text = await response.text();
    const answer = text ? JSON.parse(text) : null;
    if (response.ok) return answer;
    if (response.status !== 429) throw new Refused(response.status, answer);
    await new Promise((done) => setTimeout(done, answer.retry_after * 1000));
  }
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const patch = (path, body) => call("PATCH", path, body);
export const put = (path) => call("PUT", path);
export const del = (path) => call("DELETE", path);

/** payload_json and files[n] when there are files, plain JSON otherwise. */
export function withFiles(payload, files) {
  if (!files.length) return payload;
  const form = new FormData();
  payload.attachments = files.map((file, id) => ({ id, filename: file.name }));
  form.append("payload_json", JSON.stringify(payload));
  files.forEach((file, id) => form.append(`files[${id}]`, file, file.name));
  return form;
}

let lastNonce = 0n;
/** Snowflake-like and growing, as Discord's client makes them. */
export function nonce() {
  const now = (BigInt(Date.now()) - 1420070400000n) << 22n;
  lastNonce = now > lastNonce ? now : lastNonce + 1n;
  return String(lastNonce);
}
