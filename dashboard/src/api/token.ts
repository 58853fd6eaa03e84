// The access token: kept for this tab only, never in an address.
const KEY = "hybridcluster.token";

let token: string | null = read();
let isWanted = false;
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
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {
    // A browser that keeps nothing: it stays in memory.
  }
  tell();
}

/** The server refused what we have: ask the user. */
export function wantToken(): void {
  if (isWanted) return;
  isWanted = true;
  tell();
}

export function isTokenWanted(): boolean {
  return isWanted;
}

/** Call on every change of the token, and when one is asked for. */
export function onToken(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
