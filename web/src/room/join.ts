// Asking the control plane to let us into a meeting: `POST /conf/join`.
import { parseReason, type Reason } from './reasons';

export interface JoinRequest {
  code: string;
  encrypted?: boolean;
  /** A signed-in host's own where absent. */
  name?: string;
  pin?: string;
  moderator_token?: string;
  /** In a guest's own link, where the meeting asks for registration. */
  pass?: string;
  /** The former join token, for coming back under the same number. */
  token?: string;
  observer?: boolean;
}

export interface RelayAddress {
  url: string;
  region: string;
}

/** What the control plane hands out to somebody it lets in. */
export interface Admission {
  token: string;
  identity: string;
  participant: number;
  name: string;
  role: 'guest' | 'moderator';
  relays: RelayAddress[];
  conference: {
    id: number;
    subject: string | null;
    hostName: string | null;
    /** Unix seconds; the meeting ends by itself then. */
    hardStop: number | null;
  };
  media: { h264: boolean; maxResolution: number };
}

/** Why we were not let in. */
export type Refusal =
  | { kind: 'not_found' }
  /** The meeting asks for registration. */
  | { kind: 'unregistered' }
  | { kind: 'reason'; reason: Reason; startsAt: string | null; subject: string | null }
  /** Too many attempts; `retryAfter` in seconds. */
  | { kind: 'busy'; retryAfter: number }
  /** The control plane cannot be reached, or is unwell: try again. */
  | { kind: 'unreachable' }
  | { kind: 'error'; message: string };

export type JoinOutcome = { ok: true; admission: Admission } | { ok: false; refusal: Refusal };

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

function relays(value: unknown): RelayAddress[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isObject).flatMap((relay) => {
    const url = text(relay['url']);
    return url && /^(https?|wss?):\/\//.test(url)
      ? [
          {
            url: url.replace(/^ws/, 'http').replace(/\/+$/, ''),
            region: text(relay['region']) ?? '',
          },
        ]
      : [];
  });
}

/** Reads an answer of `/conf/join`; `null` if it cannot be used. */
export function parseAdmission(value: unknown): Admission | null {
  if (!isObject(value)) return null;
  const token = text(value['token']);
  const addresses = relays(value['relays']);
  if (!token || addresses.length === 0) return null;
  const conference = isObject(value['conference']) ? value['conference'] : {};
  const media = isObject(value['media']) ? value['media'] : {};
  const identity = text(value['identity']) ?? '';
  return {
    token,
    identity,
    participant: number(value['participant']) ?? numberOf(identity),
    name: text(value['name']) ?? '',
    role: value['role'] === 'moderator' ? 'moderator' : 'guest',
    relays: addresses,
    conference: {
      id: number(conference['id']) ?? 0,
      subject: text(conference['subject']),
      hostName: text(conference['host_name']),
      hardStop: number(conference['hard_stop']),
    },
    media: {
      h264: media['h264'] === true,
      maxResolution: number(media['max_resolution']) ?? 720,
    },
  };
}

/** The participant number in an identity `p<number>`; 0 if it is none. */
export function numberOf(identity: string): number {
  const match = /^p(\d{1,9})$/.exec(identity);
  return match ? Number(match[1]) : 0;
}

/** Reads a refusal by status and body. */
export function parseRefusal(status: number, body: unknown, retryAfter: string | null): Refusal {
  const json = isObject(body) ? body : {};
  // Error objects may be nested under `error` or stand by themselves.
  const error = isObject(json['error']) ? json['error'] : json;
  const pick = (name: string): unknown => json[name] ?? error[name];
  const reason = parseReason(pick('reason'));
  if (reason) {
    return {
      kind: 'reason',
      reason,
      startsAt: text(pick('starts_at')),
      subject: text(pick('subject')),
    };
  }
  if (status === 429) {
    const seconds = Number(retryAfter);
    return { kind: 'busy', retryAfter: seconds > 0 ? Math.min(seconds, 3600) : 5 };
  }
  if (status === 404) return { kind: 'not_found' };
  if (status === 403 && pick('field') === 'pass') return { kind: 'unregistered' };
  const code = text(pick('code'));
  if (code === 'not_started' || code === 'expired') {
    return {
      kind: 'reason',
      reason: code,
      startsAt: text(pick('starts_at')),
      subject: text(pick('subject')),
    };
  }
  if (status >= 500) return { kind: 'unreachable' };
  return { kind: 'error', message: text(pick('message')) ?? '' };
}

/** Posts JSON and reads JSON; the body is `null` where there is none. */
async function post(fetch: Fetch, path: string, body: unknown, session: string | null) {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (session) headers['authorization'] = `Session ${session}`;
  const response = await fetch(path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
    credentials: 'same-origin',
  });
  const json: unknown = await response.json().catch(() => null);
  return { response, json };
}

/** Asks to be let in. Never throws. */
export async function join(
  fetch: Fetch,
  request: JoinRequest,
  session: string | null,
): Promise<JoinOutcome> {
  try {
    const { response, json } = await post(fetch, '/conf/join', request, session);
    if (!response.ok) {
      const retryAfter = response.headers.get('retry-after');
      return { ok: false, refusal: parseRefusal(response.status, json, retryAfter) };
    }
    const admission = parseAdmission(json);
    return admission ? { ok: true, admission } : { ok: false, refusal: { kind: 'unreachable' } };
  } catch {
    return { ok: false, refusal: { kind: 'unreachable' } };
  }
}
