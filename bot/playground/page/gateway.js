// The websocket: identify, heartbeat, resume after a lost connection, start anew when the session is gone.

const OP = { DISPATCH: 0, HEARTBEAT: 1, IDENTIFY: 2, RESUME: 6, RECONNECT: 7, INVALID: 9, HELLO: 10, ACK: 11 };
const WRONG_TOKEN = 4004;

export class Gateway extends EventTarget {
  #token = "";
  #socket = null;
  #session = null;
  #sequence = null;
  #heart = 0;
  #answered = true;
  #tries = 0;
  #timer = 0;

  get session() {
    return this.#session;
  }

  connect(token) {
    this.close();
    this.#token = token;
    this.#session = this.#sequence = null;
    this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    clearInterval(this.#heart);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/gateway?v=10&encoding=json`);
    this.#socket = socket;
    socket.onmessage = (event) => socket === this.#socket && this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => socket === this.#socket && this.#lost(event.code);
  }

  #lost(code) {
    clearInterval(this.#heart);
    if (code === WRONG_TOKEN) {
      location.reload(); // the server was started anew: the page holds the tokens of the old one
      return;
    }
    this.#tell("offline");
    const wait = Math.min(500 * 2 ** this.#tries++, 5000);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  #send(op, d) {
    this.#socket?.send(JSON.stringify({ op, d }));
  }

  #receive({ op, d, s, t }) {
    if (s) this.#sequence = s;
    if (op === OP.DISPATCH) this.#dispatch(t, d);
    else if (op === OP.HELLO) this.#hello(d);
    else if (op === OP.HEARTBEAT) this.#send(OP.HEARTBEAT, this.#sequence);
    else if (op === OP.ACK) this.#answered = true;
    else if (op === OP.RECONNECT) this.#socket.close(4000);
    else if (op === OP.INVALID) this.#identify();
  }

  #hello({ heartbeat_interval }) {
    this.#answered = true;
    clearInterval(this.#heart);
    this.#heart = setInterval(() => {
      if (!this.#answered) return this.#socket.close(4000);
      this.#answered = false;
      this.#send(OP.HEARTBEAT, this.#sequence);
    }, heartbeat_interval);
    if (this.#session) this.#send(OP.RESUME, { token: this.#token, session_id: this.#session, seq: this.#sequence });
    else this.#identify();
  }

  #identify() {
    this.#session = this.#sequence = null;
    const properties = { os: navigator.platform, browser: "playground", device: "" };
    this.#send(OP.IDENTIFY, { token: this.#token, properties });
  }

  #dispatch(name, data) {
    if (name === "READY") this.#session = data.session_id;
    if (name === "READY" || name === "RESUMED") {
      this.#tries = 0;
      this.#tell("online");
    }
    this.#tell(name, data);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
