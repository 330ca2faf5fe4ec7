// What the page knows: filled by the gateway's events, read by the views. Views listen for "change" events by topic.

const READ_KEY = "playground.read";

class State extends EventTarget {
  me = null;
  guild = null;
  guildId = null;
  users = new Map();
  members = new Map(); // of the guild, by user id
  roles = new Map();
  channels = new Map();
  presences = new Map();
  messages = new Map(); // channel id → Map(message id → message), oldest first
  loaded = new Set(); // channels whose newest messages are loaded
  complete = new Set(); // channels whose first message is loaded
  typing = new Map(); // channel id → Map(user id → ends at)
  mentioned = new Map(); // channel id → unread mentions
  channelId = null;
  unreadFrom = null; // the NEW line stands before the first message after this id
  read = JSON.parse(localStorage.getItem(READ_KEY) ?? "{}");

  tell(topic, detail) {
    this.dispatchEvent(new CustomEvent(topic, { detail }));
  }

  on(topic, listener) {
    this.addEventListener(topic, (event) => listener(event.detail));
  }

  // ── users ──

  remember(user) {
    this.users.set(user.id, { ...this.users.get(user.id), ...user });
  }

  nameOf(userId) {
    const user = this.users.get(userId);
    return this.members.get(userId)?.nick ?? user?.global_name ?? user?.username ?? "Unknown user";
  }

  /** The name a message shows: a webhook's is its own, whoever has the same id. */
  authorName(message) {
    if (message.webhook_id && message.webhook_id === message.author.id) return message.author.username;
    return this.members.get(message.author.id)?.nick ?? message.author.global_name ?? message.author.username;
  }

  colourOf(userId) {
    const roles = (this.members.get(userId)?.roles ?? []).map((id) => this.roles.get(id)).filter((role) => role?.color);
    roles.sort((one, other) => other.position - one.position);
    return roles.length && !this.users.get(userId)?.bot ? `#${roles[0].color.toString(16).padStart(6, "0")}` : "";
  }

  // ── channels ──

  get channel() {
    return this.channels.get(this.channelId);
  }

  guildChannels() {
    const listed = [...this.channels.values()].filter((channel) => channel.type === 0);
    return listed.sort((one, other) => one.position - other.position || (BigInt(one.id) < BigInt(other.id) ? -1 : 1));
  }

  threadsOf(channelId) {
    return [...this.channels.values()].filter(
      (c) => c.parent_id === channelId && c.type >= 10 && !c.thread_metadata.archived,
    );
  }

  dms() {
    const listed = [...this.channels.values()].filter((channel) => channel.type === 1);
    return listed.sort((one, other) => (newer(one.last_message_id, other.last_message_id) ? -1 : 1));
  }

  /** A channel that @everyone may not see is kept quiet. */
  isMuted(channel) {
    return (channel.permission_overwrites ?? []).some((o) => o.id === this.guildId && BigInt(o.deny) & 1024n);
  }

  titleOf(channel) {
    return channel.type === 1 ? channel.recipients.map((user) => this.nameOf(user.id)).join(", ") : channel.name;
  }

  // ── reading ──

  readUpTo(channelId) {
    return this.read[`${this.me?.id}:${channelId}`];
  }

  markRead(channelId) {
    const last = this.channels.get(channelId)?.last_message_id;
    if (last) this.read[`${this.me.id}:${channelId}`] = last;
    this.mentioned.delete(channelId);
    localStorage.setItem(READ_KEY, JSON.stringify(this.read));
    this.tell("channels");
  }

  isUnread(channel) {
    if (this.isMuted(channel) || !channel.last_message_id) return false;
    return newer(channel.last_message_id, this.readUpTo(channel.id));
  }

  // ── messages ──

  list(channelId) {
    return [...(this.messages.get(channelId)?.values() ?? [])];
  }

  /** Puts older messages (newest first, as the API answers) before those already known. */
  addHistory(channelId, page) {
    const known = this.messages.get(channelId) ?? new Map();
    const joined = new Map(page.reverse().map((message) => [message.id, message]));
    for (const [id, message] of known) joined.set(id, message);
    this.messages.set(channelId, joined);
  }

  stopTyping(channelId, userId) {
    if (this.typing.get(channelId)?.delete(userId)) this.tell("typing");
  }
}

export const newer = (one, other) => Boolean(one) && (!other || BigInt(one) > BigInt(other));
export const state = new State();
