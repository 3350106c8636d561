// A company's webhooks as the server shows them; times are ISO 8601, UTC.

export interface Webhook {
  id: number;
  url: string;
  /** What it is told of; `null`: everything. */
  events: readonly string[] | null;
  /** Since when nothing is sent to it, and why: somebody has switched it off, or nothing had arrived for 3 days. */
  disabled: { since: string; because: 'asked' | 'failing' } | null;
  /** Since when nothing arrives. */
  failingSince: string | null;
  /** What all deliveries of the company carry, and until when they still carry the one before it. */
  signingToken: string | null;
  signingTokenFrom: string | null;
}

/** What went wrong last with a webhook. */
export interface WebhookFailure {
  id: number;
  at: string;
  error: string;
}

export interface Delivery {
  id: string;
  event: string;
  /** When it happened. */
  timestamp: string;
  state: 'waiting' | 'delivered' | 'failed';
  attempts: number;
  /** When it was tried last. */
  last: string;
  /** When it is tried again. */
  next: string | null;
  /** The status that was answered last. */
  status: number | null;
  error: string | null;
}

type Json = Record<string, unknown>;
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const text = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** The words among what is there. */
export const words = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((word) => typeof word === 'string') : [];

/** Reads a webhook; `null` if it is none. */
export function parseWebhook(value: unknown): Webhook | null {
  const json = object(value);
  const [id, url] = [number(json['webhook_id']), text(json['url'])];
  if (id === null || url === null) return null;
  const since = text(json['disabled_since']);
  const because = json['disabled_because'] === 'failing' ? 'failing' : 'asked';
  return {
    id,
    url,
    events: Array.isArray(json['events']) ? words(json['events']) : null,
    disabled: since === null ? null : { since, because },
    failingSince: text(json['failing_since']),
    signingToken: text(json['signing_token']),
    signingTokenFrom: text(json['signing_token_from']),
  };
}

/** Reads what went wrong last; `null` if it is no such thing. */
export function parseWebhookFailure(value: unknown): WebhookFailure | null {
  const json = object(value);
  const [id, at, error] = [number(json['webhook_id']), text(json['at']), text(json['error'])];
  return id === null || at === null || error === null ? null : { id, at, error };
}

const STATES = ['waiting', 'delivered', 'failed'] as const;

/** Reads a delivery; `null` if it is none. */
export function parseDelivery(value: unknown): Delivery | null {
  const json = object(value);
  const [id, event] = [text(json['delivery_id']), text(json['event'])];
  const state = STATES.find((state) => state === json['state']);
  const [timestamp, last] = [text(json['timestamp']), text(json['last_attempt'])];
  if (id === null || event === null || !state || timestamp === null || last === null) return null;
  return {
    id,
    event,
    timestamp,
    state,
    attempts: number(json['attempts']) ?? 0,
    last,
    next: text(json['next_attempt']),
    status: number(json['status']),
    error: text(json['error']),
  };
}
