// Where faces are.

import { state } from "./state.js";

export const CDN = JSON.parse(document.getElementById("session").textContent).cdn;
const DEFAULTS = 6;

export function defaultAvatar(userId) {
  return `${CDN}/embed/avatars/${Number((BigInt(userId) >> 22n) % BigInt(DEFAULTS))}.png`;
}

export function avatarOf(user, size = 128) {
  const own = user.id !== undefined && state.members.get(user.id)?.avatar;
  if (own) return `${CDN}/guilds/${state.guildId}/users/${user.id}/avatars/${own}.png?size=${size}`;
  return user.avatar ? `${CDN}/avatars/${user.id}/${user.avatar}.png?size=${size}` : defaultAvatar(user.id);
}

/** The face a message was sent with. */
export function faceOf(message, size = 128) {
  const { author } = message;
  const webhook = message.webhook_id === author.id;
  if (webhook) return author.avatar ? `${CDN}/avatars/${author.id}/${author.avatar}.png?size=${size}` : defaultAvatar(author.id);
  return avatarOf(author, size);
}
