// The socket: it comes back for ever, with capped and jittered waits, each time to a fresh snapshot,
// unless the run is gone.
import { getJson } from "../api/client";
import { getToken, isLocked, onToken } from "../api/token";
import type { Message, ServerState } from "../api/types";
import { waitMs } from "./backoff";
import type { LiveStore } from "./store";

/** The server sends at least every few seconds: silence of this length is a dead connection. */
export const SILENCE_MS = 15_000;
/** A tab that nobody has seen for this long needs no messages. */
export const HIDDEN_MS = 30_000;
/** Code of a socket that is closed as there is no such run, or no longer. */
export const NO_SUCH_RUN = 4404;

/** A token as a sub-protocol: the one header that a browser lets a page set for a socket. */
export function subProtocols(token: string | null): string[] {
  if (token === null) return ["hybridcluster"];
  const bytes = new TextEncoder().encode(token);
  const base64 = btoa(String.fromCharCode(...bytes));
  const safe = base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return ["hybridcluster", `token.${safe}`];
}

export class LiveSocket {
  private socket: WebSocket | null = null;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private hidden: ReturnType<typeof setTimeout> | undefined;
  private run: number | null;
  private readonly store: LiveStore;
  private undo: (() => void)[] = [];

  constructor(store: LiveStore, run: number | null) {
    this.store = store;
    this.run = run;
  }

  /** Connect, and stay so. */
  start(): void {
    const seen = () => this.onVisibility();
    const online = () => this.connect();
    document.addEventListener("visibilitychange", seen);
    window.addEventListener("online", online);
    this.undo = [
      () => document.removeEventListener("visibilitychange", seen),
      () => window.removeEventListener("online", online),
      onToken(() => this.onToken()),
    ];
    this.connect();
  }

  /** Close for good. */
  stop(): void {
    for (const undo of this.undo) undo();
    this.undo = [];
    this.drop();
    clearTimeout(this.hidden);
  }

  /** Watch another run; null: the newest. */
  watch(run: number | null): void {
    this.run = run;
    this.store.clear();
    this.connect();
  }

  /** Try at once, whatever the wait. */
  connect(): void {
    this.drop();
    this.store.setConnection({ kind: "connecting" });
    const address = new URL("/ws", window.location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    if (this.run !== null) address.searchParams.set("run", String(this.run));
    const socket = new WebSocket(address, subProtocols(getToken()));
    this.socket = socket;
    let isOpened = false;
    socket.onopen = () => {
      isOpened = true;
    };
    socket.onmessage = (event) => this.onMessage(event);
    socket.onclose = (event) => this.onClose(isOpened, event.code);
    this.listen();
  }

  private drop(): void {
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    const { socket } = this;
    this.socket = null;
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private listen(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.retry(), SILENCE_MS);
  }

  private onMessage(event: MessageEvent): void {
    this.listen();
    try {
      const message = JSON.parse(String(event.data)) as Message;
      this.store.take(message, performance.now());
      this.tries = 0;
    } catch {
      // A gap or a torn message: what we have is not to be trusted further.
      this.retry();
    }
  }

  private onClose(wasOpened: boolean, code: number): void {
    if (code === NO_SUCH_RUN && this.run !== null) {
      // Numbers of runs are not used again: only another one is worth a try.
      this.drop();
      this.store.clear();
      this.store.setConnection({ kind: "gone", run: this.run });
      return;
    }
    this.retry();
    // A refused handshake does not tell the page why; a plain request does, and asks for the token.
    if (!wasOpened) getJson<ServerState>("/api/status").catch(() => undefined);
  }

  private retry(): void {
    this.drop();
    this.tries += 1;
    const wait = waitMs(this.tries);
    this.store.setConnection({ kind: "waiting", until: Date.now() + wait, tries: this.tries });
    this.timer = setTimeout(() => this.connect(), wait);
  }

  private onToken(): void {
    if (isLocked()) {
      this.drop();
      this.store.setConnection({ kind: "locked" });
    } else {
      this.connect();
    }
  }

  private onVisibility(): void {
    clearTimeout(this.hidden);
    if (document.hidden) {
      this.hidden = setTimeout(() => {
        this.drop();
        this.store.setConnection({ kind: "asleep" });
      }, HIDDEN_MS);
      return;
    }
    const { kind } = this.store.get().connection;
    if (kind === "asleep" || kind === "waiting") this.connect();
  }
}
