// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { setToken, wantToken } from "../api/token";
import type { Message } from "../api/types";
import { aChange, anEngine, aSnapshot } from "../test/state";
import { HIDDEN_MS, LiveSocket, NO_SUCH_RUN, SILENCE_MS, subProtocols } from "./socket";
import { LiveStore } from "./store";

/** A socket whose other end is the test. */
class FakeSocket {
  static made: FakeSocket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  isClosed = false;
  readonly url: string;
  readonly protocols: string[];

  constructor(url: URL, protocols: string[]) {
    this.url = String(url);
    this.protocols = protocols;
    FakeSocket.made.push(this);
  }

  close() {
    this.isClosed = true;
  }

  send(message: Message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const newest = () => FakeSocket.made.at(-1) as FakeSocket;

describe("LiveSocket", () => {
  let store: LiveStore;
  let socket: LiveSocket;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("WebSocket", FakeSocket);
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("nothing there")));
    FakeSocket.made = [];
    store = new LiveStore();
    socket = new LiveSocket(store, null);
    socket.start();
  });

  afterEach(() => {
    socket.stop();
    setToken(null);
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("is live with the first snapshot", () => {
    expect(store.get().connection.kind).toBe("connecting");
    newest().send(aSnapshot(1));
    expect(store.get().connection.kind).toBe("live");
    expect(store.get().state?.run?.run).toBe(1);
  });

  it("comes back to a fresh snapshot after a gap, and takes no change before it", () => {
    newest().send(aSnapshot(1));
    newest().send(aChange(3));
    expect(FakeSocket.made[0]?.isClosed).toBe(true);
    expect(store.get().connection.kind).toBe("waiting");
    vi.advanceTimersByTime(600);
    expect(FakeSocket.made).toHaveLength(2);
    newest().send(aSnapshot(1, { engine: anEngine({ episode: 8 }) }));
    expect(store.get().state?.engine?.episode).toBe(8);
  });

  it("comes back for ever, at most half a minute later", () => {
    for (let failure = 1; failure <= 40; failure += 1) {
      newest().onclose?.({ code: 1006 });
      const { connection } = store.get();
      const wait = connection.kind === "waiting" ? connection.until - Date.now() : Number.NaN;
      expect(wait).toBeLessThanOrEqual(30_000);
      expect(FakeSocket.made).toHaveLength(failure);
      vi.advanceTimersByTime(wait + 1);
      expect(FakeSocket.made).toHaveLength(failure + 1);
    }
  });

  it("keeps what was shown while it is away", () => {
    newest().send(aSnapshot(1));
    newest().onclose?.({ code: 1006 });
    expect(store.get().state?.run?.run).toBe(1);
  });

  it("gives a connection up that is silent", () => {
    newest().send(aSnapshot(1));
    vi.advanceTimersByTime(SILENCE_MS - 1);
    expect(store.get().connection.kind).toBe("live");
    vi.advanceTimersByTime(1);
    expect(store.get().connection.kind).toBe("waiting");
  });

  it("gives up what is no message", () => {
    newest().onmessage?.({ data: "{" });
    expect(store.get().connection.kind).toBe("waiting");
  });

  it("watches a run that is asked for, and forgets the other", () => {
    newest().send(aSnapshot(1));
    socket.watch(12);
    expect(store.get().state).toBeNull();
    expect(newest().url).toMatch(/\/ws\?run=12$/);
    expect(FakeSocket.made[0]?.isClosed).toBe(true);
  });

  it("shows nothing of a run that is gone, and asks for it no more", () => {
    socket.watch(12);
    newest().send(aSnapshot(1));
    const asked = FakeSocket.made.length;
    newest().onclose?.({ code: NO_SUCH_RUN });
    expect(store.get()).toMatchObject({
      state: null,
      rate: null,
      connection: { kind: "gone", run: 12 },
    });
    vi.advanceTimersByTime(10 * SILENCE_MS);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(FakeSocket.made).toHaveLength(asked);
    socket.watch(null);
    newest().send(aSnapshot(1));
    expect(store.get().connection.kind).toBe("live");
  });

  it("comes back to the newest run, whatever became of the one before", () => {
    newest().onclose?.({ code: NO_SUCH_RUN });
    expect(store.get().connection.kind).toBe("waiting");
  });

  it("sleeps while nobody sees the tab, and wakes with it", () => {
    newest().send(aSnapshot(1));
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    document.dispatchEvent(new Event("visibilitychange"));
    for (let sequence = 2; sequence < 5; sequence += 1) {
      vi.advanceTimersByTime(HIDDEN_MS / 3 - 1);
      newest().send(aChange(sequence));
    }
    expect(store.get().connection.kind).toBe("live");
    vi.advanceTimersByTime(3);
    expect(store.get().connection.kind).toBe("asleep");
    hidden.mockReturnValue(false);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(store.get().connection.kind).toBe("connecting");
    hidden.mockRestore();
  });

  it("waits for a token when one is wanted, and brings it", () => {
    wantToken(null);
    expect(store.get().connection.kind).toBe("locked");
    vi.advanceTimersByTime(120_000);
    expect(FakeSocket.made).toHaveLength(1);
    setToken("geheim?>ü");
    expect(newest().protocols).toEqual(subProtocols("geheim?>ü"));
  });
});

describe("subProtocols", () => {
  it("has no token without one", () => {
    expect(subProtocols(null)).toEqual(["hybridcluster"]);
  });

  it("writes the token's UTF-8 as base64url without padding", () => {
    expect(subProtocols("ab>?ü")).toEqual(["hybridcluster", "token.YWI-P8O8"]);
  });
});
