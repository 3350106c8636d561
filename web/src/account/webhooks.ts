// A company's webhooks, seen to by its administrators.
import { parseDelivery, parseWebhook, type Delivery, type Webhook } from '../config/webhooks';
import { post, tokenFailure, type Fetch } from './session';

/** Why it was not done; `refused`: in the server's own words, such as that the ping was not answered. */
export type Failure =
  | { ok: false; why: 'full' | 'over' | 'gone' | 'unreachable' }
  | { ok: false; why: 'refused'; message: string };
export type Outcome<T> = { ok: true; of: T } | Failure;

/** What of a webhook changes; what is absent stays. */
export interface WebhookEdit {
  url?: string;
  /** `null`: everything. */
  events?: readonly string[] | null;
  enabled?: boolean;
  ping?: boolean;
  newSigningToken?: boolean;
}

type Json = Record<string, unknown>;

/** Asks, and reads the answer. Never throws. */
async function ask<T>(
  fetch: Fetch,
  path: string,
  body: Json,
  read: (json: Json) => T | null,
): Promise<Outcome<T>> {
  try {
    const { response, json } = await post(fetch, path, body);
    const of = response.ok ? read(json) : null;
    if (of !== null) return { ok: true, of };
    const message = json['message'];
    if (response.status === 400 && typeof message === 'string') {
      return { ok: false, why: 'refused', message };
    }
    if (response.status === 404) return { ok: false, why: 'gone' };
    return { ok: false, why: tokenFailure(response.status) };
  } catch {
    return { ok: false, why: 'unreachable' };
  }
}

/** Makes a webhook; answers its secret in clear, which happens once. */
export function createWebhook(
  fetch: Fetch,
  path: string,
  entry: { url: string; events: readonly string[] | null },
): Promise<Outcome<{ webhook: Webhook; secret: string }>> {
  return ask(fetch, path, { url: entry.url, events: entry.events }, (json) => {
    const [webhook, secret] = [parseWebhook(json), json['secret']];
    return webhook && typeof secret === 'string' ? { webhook, secret } : null;
  });
}

/** Changes a webhook. */
export function updateWebhook(
  fetch: Fetch,
  path: string,
  id: number,
  edit: WebhookEdit,
): Promise<Outcome<Webhook>> {
  const { newSigningToken, events, ...rest } = edit;
  const told = events === null ? { all_events: true } : events && { events };
  const token = newSigningToken && { new_signing_token: true };
  return ask(fetch, `${path}/update`, { webhook_id: id, ...rest, ...told, ...token }, parseWebhook);
}

/** Deletes a webhook; one that is gone already is gone. */
export async function deleteWebhook(
  fetch: Fetch,
  path: string,
  id: number,
): Promise<Outcome<true>> {
  const done = await ask(fetch, `${path}/delete`, { webhook_id: id }, () => true as const);
  return !done.ok && done.why === 'gone' ? { ok: true, of: true } : done;
}

/** What was sent to a webhook, the latest first, behind the one named; `next` names the last where there are more. */
export function deliveriesOf(
  fetch: Fetch,
  path: string,
  id: number,
  after: string | null,
): Promise<Outcome<{ deliveries: Delivery[]; next: string | null }>> {
  return ask(fetch, `${path}/deliveries`, { webhook_id: id, after }, (json) => {
    const all: unknown = json['deliveries'];
    if (!Array.isArray(all)) return null;
    const next = typeof json['next'] === 'string' ? json['next'] : null;
    return { deliveries: all.flatMap((one: unknown) => parseDelivery(one) ?? []), next };
  });
}

/** Sends a delivery again. */
export function redeliver(
  fetch: Fetch,
  path: string,
  id: number,
  delivery: string,
): Promise<Outcome<Delivery>> {
  const body = { webhook_id: id, delivery_id: delivery };
  return ask(fetch, `${path}/redeliver`, body, parseDelivery);
}
