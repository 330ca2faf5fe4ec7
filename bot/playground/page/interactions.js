// Asking applications: one POST /interactions, and the gateway's word on what became of it.

import * as api from "./api.js";
import { state } from "./state.js";

const waiting = new Map(); // nonce → {done, failed}
let session = () => null;
let openModal = () => {};

/** Sends an interaction with its files; resolves when it was answered, throws when the application stayed silent. */
export async function ask(interaction, files = []) {
  const nonce = api.nonce();
  const outcome = new Promise((done, failed) => waiting.set(nonce, { done, failed }));
  const body = { nonce, session_id: session(), channel_id: state.channelId, ...interaction };
  if (state.channel?.guild_id) body.guild_id = state.channel.guild_id;
  try {
    await api.post("/interactions", api.withFiles(body, files));
    return await outcome;
  } finally {
    waiting.delete(nonce);
  }
}

const settle = (nonce, value) => waiting.get(nonce)?.done(value);

export function listen(gateway, onModal) {
  session = () => gateway.session;
  openModal = onModal;
  gateway.addEventListener("INTERACTION_SUCCESS", ({ detail }) => settle(detail.nonce));
  gateway.addEventListener("INTERACTION_FAILURE", ({ detail }) =>
    waiting.get(detail.nonce)?.failed(new Error("The application did not respond")),
  );
  gateway.addEventListener("APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE", ({ detail }) => settle(detail.nonce, detail.choices));
  gateway.addEventListener("INTERACTION_MODAL_CREATE", ({ detail }) => {
    settle(detail.nonce);
    openModal(detail);
  });
}
