// Who is signed in: signing in and out, setting a password, and the session that a frame keeps in memory.
import { parseAccount, parseApiToken, type Account, type ApiToken } from '../config/page';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A session that a framed page keeps in memory, since browsers drop its cookies. */
export interface FrameSession {
  token: string;
  account: Account | null;
  /** Where the browser goes after a call. */
  afterCallUrl: string | null;
}

/** What came of signing in or setting a password. */
export type Outcome =
  | { ok: true; redirectUrl: string }
  | { ok: false; why: 'wrong' | 'gone' | 'invalid' | 'unreachable' }
  /** Too many attempts; `retryAfter` in seconds. */
  | { ok: false; why: 'busy'; retryAfter: number };

type Json = Record<string, unknown>;
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {};
const text = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

/** Sends JSON to a page's own host. Throws where that cannot be reached. */
export async function post(
  fetch: Fetch,
  path: string,
  body: unknown,
  session: string | null = null,
) {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (session) headers['authorization'] = `Session ${session}`;
  const response = await fetch(path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
    credentials: 'same-origin',
  });
  const json: unknown = await response.json().catch(() => null);
  return { response, json: object(json) };
}

/** Trades a one-time handoff for a session; `null` if it is spent or false. Never throws. */
export async function tradeHandoff(fetch: Fetch, handoff: string): Promise<FrameSession | null> {
  try {
    const { response, json } = await post(fetch, '/auth/handoff', { handoff });
    const token = response.ok ? text(json['session']) : null;
    if (token === null) return null;
    return {
      token,
      account: parseAccount(json['account']),
      afterCallUrl: text(json['after_call_url']),
    };
  } catch {
    return null;
  }
}

/** A one-time handoff for the next page of this frame; `null` if the session is over. Never throws. */
export async function passOn(fetch: Fetch, session: string): Promise<string | null> {
  try {
    const { response, json } = await post(fetch, '/auth/session', {}, session);
    return response.ok ? text(json['handoff']) : null;
  } catch {
    return null;
  }
}

/** Ends the session, and answers where the browser goes then; `null` if that did not work. Never throws. */
export async function signOut(fetch: Fetch, session: string | null): Promise<string | null> {
  try {
    const { response, json } = await post(fetch, '/logout', {}, session);
    return response.ok ? (text(json['redirect_url']) ?? '/') : null;
  } catch {
    return null;
  }
}

async function outcome(fetch: Fetch, path: string, body: unknown): Promise<Outcome> {
  try {
    const { response, json } = await post(fetch, path, body);
    if (response.ok) return { ok: true, redirectUrl: text(json['redirect_url']) ?? '/' };
    switch (response.status) {
      case 401:
        return { ok: false, why: 'wrong' };
      case 404:
        return { ok: false, why: 'gone' };
      case 429:
        return { ok: false, why: 'busy', retryAfter: retryAfter(response) };
      default:
        return { ok: false, why: response.status < 500 ? 'invalid' : 'unreachable' };
    }
  } catch {
    return { ok: false, why: 'unreachable' };
  }
}

/** Signs this browser in. Never throws. */
export function signIn(
  fetch: Fetch,
  entry: { email: string; password: string; remember: boolean; redirectUrl: string },
): Promise<Outcome> {
  return outcome(fetch, '/login', {
    email: entry.email,
    password: entry.password,
    remember_me: entry.remember,
    redirect_url: entry.redirectUrl,
  });
}

/** Sets the password of the account whose link this page (`path`) is. Never throws. */
export function setPassword(fetch: Fetch, path: string, password: string): Promise<Outcome> {
  return outcome(fetch, path, { password });
}

/** Asks for a mail with a link that sets a new password. Whether there is such an account is not said. Never throws. */
export function askForPassword(fetch: Fetch, email: string): Promise<Outcome> {
  return outcome(fetch, '/password', { email });
}

/** What came of registering for a meeting. */
export type Registered =
  | { ok: true; email: string }
  /** `invalid`: the field that cannot be used. */
  | { ok: false; why: 'full' | 'over' | 'gone' | 'unreachable' }
  | { ok: false; why: 'invalid'; field: 'name' | 'email' }
  | { ok: false; why: 'busy'; retryAfter: number };

/** Registers for the meeting whose page (`path`) this is. Never throws. */
export async function register(
  fetch: Fetch,
  path: string,
  entry: { name: string; email: string },
): Promise<Registered> {
  try {
    const { response, json } = await post(fetch, path, entry);
    if (response.ok) return { ok: true, email: text(json['email']) ?? entry.email };
    switch (response.status) {
      case 400:
        return { ok: false, why: 'invalid', field: json['field'] === 'name' ? 'name' : 'email' };
      case 404:
        return { ok: false, why: 'gone' };
      case 409:
        return { ok: false, why: 'full' };
      case 403:
        return { ok: false, why: json['code'] === 'expired' ? 'over' : 'unreachable' };
      case 429:
        return { ok: false, why: 'busy', retryAfter: retryAfter(response) };
      default:
        return { ok: false, why: 'unreachable' };
    }
  } catch {
    return { ok: false, why: 'unreachable' };
  }
}

/** What came of making or revoking an API token. */
export type TokenOutcome<T> =
  { ok: true; of: T } | { ok: false; why: 'full' | 'over' | 'unreachable' };

/** Makes an API token; answers it in clear, which happens once. Never throws. */
export async function createToken(
  fetch: Fetch,
  path: string,
  name: string,
): Promise<TokenOutcome<{ token: ApiToken; secret: string }>> {
  try {
    const { response, json } = await post(fetch, path, { name });
    const [token, secret] = [parseApiToken(json), text(json['api_token'])];
    if (response.ok && token && secret) return { ok: true, of: { token, secret } };
    return { ok: false, why: tokenFailure(response.status) };
  } catch {
    return { ok: false, why: 'unreachable' };
  }
}

/** Revokes an API token; one that is gone already is revoked. Never throws. */
export async function revokeToken(
  fetch: Fetch,
  path: string,
  id: string,
): Promise<TokenOutcome<null>> {
  try {
    const { response } = await post(fetch, `${path}/revoke`, { id });
    if (response.ok || response.status === 404) return { ok: true, of: null };
    return { ok: false, why: tokenFailure(response.status) };
  } catch {
    return { ok: false, why: 'unreachable' };
  }
}

/** Why an answer of this status did not do what was asked. */
export function tokenFailure(status: number) {
  if (status === 409) return 'full';
  return status === 401 || status === 403 ? 'over' : 'unreachable';
}

function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get('retry-after'));
  return seconds > 0 ? seconds : 60;
}
