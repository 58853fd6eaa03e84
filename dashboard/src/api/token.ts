// The access token: kept for this tab only, never in an address.
const KEY = "hybridcluster.token";

let token: string | null = read();
let isWanted = false;
let isPostponed = false;
const listeners = new Set<() => void>();

function read(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function tell(): void {
  for (const listener of listeners) listener();
}

export function getToken(): string | null {
  return token;
}

/** Keep a token; null forgets it. */
export function setToken(value: string | null): void {
  token = value;
  isWanted = false;
  isPostponed = false;
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {
    // A browser that keeps nothing: it stays in memory.
  }
  tell();
}

/** The server refused a token: ask the user, unless there is another one by now. */
export function wantToken(refused: string | null): void {
  if (isWanted || isPostponed || refused !== token) return;
  isWanted = true;
  tell();
}

/** The user does not say for now: nothing is asked until the next refusal. */
export function postponeToken(): void {
  isWanted = false;
  isPostponed = true;
  tell();
}

/** Ask the user, whatever was said before. */
export function askToken(): void {
  isPostponed = false;
  isWanted = true;
  tell();
}

/** Whether the server refuses what we have, and nothing is to be tried until there is a token. */
export function isLocked(): boolean {
  return isWanted || isPostponed;
}

export function isTokenWanted(): boolean {
  return isWanted;
}

/** Call on every change of the token, and when one is asked for. */
export function onToken(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
