// Gateway events → state, and word to the views.

import { newer, state } from "./state.js";

const TYPING_MS = 10_000;

const handlers = {
  READY({ user, private_channels }) {
    state.me = user;
    for (const kept of [state.users, state.members, state.channels, state.messages, state.typing, state.mentioned])
      kept.clear();
    state.complete.clear();
    state.loaded.clear();
    state.remember(user);
    for (const channel of private_channels) addChannel(channel);
  },

  GUILD_CREATE(guild) {
    state.guild = guild;
    state.guildId = guild.id;
    for (const role of guild.roles) state.roles.set(role.id, role);
    for (const member of guild.members) handlers.GUILD_MEMBER_UPDATE(member);
    for (const channel of [...guild.channels, ...guild.threads]) state.channels.set(channel.id, channel);
    for (const { user, status } of guild.presences) state.presences.set(user.id, status);
    state.tell("guild");
  },

  GUILD_UPDATE(guild) {
    Object.assign(state.guild, guild);
    for (const role of guild.roles) state.roles.set(role.id, role);
    state.tell("members");
  },

  GUILD_MEMBER_UPDATE(member) {
    state.remember(member.user);
    state.members.set(member.user.id, member);
    state.tell("members");
  },

  PRESENCE_UPDATE({ user, status }) {
    state.presences.set(user.id, status);
    state.tell("members");
  },

  USER_UPDATE(user) {
    state.remember(user);
    if (user.id === state.me?.id) state.me = user;
  },

  CHANNEL_CREATE: addChannel,
  CHANNEL_UPDATE: addChannel,
  THREAD_CREATE: addChannel,
  THREAD_UPDATE: addChannel,
  CHANNEL_DELETE: removeChannel,
  THREAD_DELETE: removeChannel,

  MESSAGE_CREATE(message) {
    remember(message);
    const channel = state.channels.get(message.channel_id);
    if (!channel) return;
    if (!(message.flags & 64) && newer(message.id, channel.last_message_id)) channel.last_message_id = message.id;
    state.messages.get(channel.id)?.set(message.id, message);
    state.stopTyping(channel.id, message.author.id);
    if (message.author.id !== state.me.id && mentionsMe(message))
      state.mentioned.set(channel.id, (state.mentioned.get(channel.id) ?? 0) + 1);
    state.tell("message", message);
    state.tell("channels");
  },

  MESSAGE_UPDATE(message) {
    remember(message);
    const known = state.messages.get(message.channel_id);
    if (!known?.has(message.id)) return;
    const before = known.get(message.id);
    known.set(message.id, { ...before, ...message, reactions: message.reactions });
    state.tell("edited", message.id);
  },

  MESSAGE_DELETE({ id, channel_id }) {
    if (state.messages.get(channel_id)?.delete(id)) state.tell("deleted", id);
  },

  MESSAGE_REACTION_ADD: (event) => react(event, 1),
  MESSAGE_REACTION_REMOVE: (event) => react(event, -1),

  TYPING_START({ channel_id, user_id, member }) {
    if (member) state.remember(member.user);
    if (user_id === state.me.id) return;
    const typing = state.typing.get(channel_id) ?? new Map();
    state.typing.set(channel_id, typing.set(user_id, Date.now() + TYPING_MS));
    setTimeout(() => forgetTyping(channel_id, user_id), TYPING_MS + 50);
    state.tell("typing");
  },
};

function addChannel(channel) {
  for (const user of channel.recipients ?? []) state.remember(user);
  state.channels.set(channel.id, { ...state.channels.get(channel.id), ...channel });
  state.tell("channels");
}

function removeChannel({ id }) {
  state.channels.delete(id);
  state.tell("channels");
}

function remember(message) {
  if (message.author.id !== message.webhook_id) state.remember(message.author);
  for (const user of message.mentions) state.remember(user);
}

export const mentionsMe = (message) =>
  message.mention_everyone || message.mentions.some((user) => user.id === state.me.id);

function react({ channel_id, message_id, emoji, user_id }, step) {
  const message = state.messages.get(channel_id)?.get(message_id);
  if (!message) return;
  message.reactions ??= [];
  let reaction = message.reactions.find((one) => one.emoji.name === emoji.name && one.emoji.id === emoji.id);
  if (!reaction) message.reactions.push((reaction = { emoji, count: 0, me: false }));
  reaction.count += step;
  if (user_id === state.me.id) reaction.me = step > 0;
  message.reactions = message.reactions.filter((one) => one.count > 0);
  state.tell("edited", message_id);
}

function forgetTyping(channelId, userId) {
  if ((state.typing.get(channelId)?.get(userId) ?? Infinity) <= Date.now()) state.stopTyping(channelId, userId);
}

export function listen(gateway) {
  for (const [name, handler] of Object.entries(handlers))
    gateway.addEventListener(name, (event) => handler(event.detail));
}
