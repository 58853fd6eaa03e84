// Requests to the server: the token goes into a header, a refusal comes out as its one line.
import { getToken, wantToken } from "./token";

/** The server said no, or could not be reached. */
export class Refused extends Error {
  override name = "Refused";
  /** HTTP status; 0: no answer. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

export type Params = Record<string, string | number | readonly string[] | null | undefined>;

/** A path with its query; what is null or undefined is left out, lists are joined by commas. */
export function withParams(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === null || value === undefined) continue;
    query.set(key, Array.isArray(value) ? value.join(",") : String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

async function refusal(response: Response): Promise<Refused> {
  let text = `The server answered ${response.status}`;
  try {
    const body: unknown = await response.json();
    if (typeof body === "object" && body !== null && "error" in body) text = String(body.error);
  } catch {
    // Not our server's JSON: a proxy's page, say.
  }
  return new Refused(text, response.status);
}

/** Send a request; the response is one that succeeded. */
export async function request(
  path: string,
  { method = "GET", body, signal }: { method?: string; body?: unknown; signal?: AbortSignal } = {},
): Promise<Response> {
  const headers = new Headers({ Accept: "application/json" });
  const token = getToken();
  if (token !== null) headers.set("Authorization", `Bearer ${token}`);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      cache: "no-store",
      credentials: "omit",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused("The server cannot be reached", 0);
  }
  if (response.ok) return response;
  if (response.status === 401) wantToken(token);
  throw await refusal(response);
}

export async function getJson<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  const response = await request(withParams(path, params), signal ? { signal } : {});
  return (await response.json()) as T;
}

export async function sendJson<T>(
  method: "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await request(path, { method, body });
  return (await response.json()) as T;
}
