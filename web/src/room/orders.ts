// What moderators have their relay do, under their join token.
import type { Fetch } from './join';
import type { Order } from './rules';

/** How long the relay has for an answer. */
const WITHIN_MS = 10_000;

/** What became of an order: `gone` if whom it concerns is not there any more, `full` if nobody else fits in. */
export type OrderOutcome = 'done' | 'gone' | 'full' | 'failed';

/** Posts to a relay; the answer's status, 0 if there was none in time. */
export async function postToRelay(
  fetch: Fetch,
  url: string,
  token: string,
  body: object,
): Promise<number> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      credentials: 'omit',
      signal: AbortSignal.timeout(WITHIN_MS),
    });
    return response.status;
  } catch {
    return 0;
  }
}

/** What the relay's answer to an order means. */
export function outcomeOf(order: Order, status: number): OrderOutcome {
  switch (status) {
    case 200:
      return 'done';
    case 404:
      return 'gone';
    case 409:
      return order.action === 'admit' || order.action === 'admit_all' ? 'full' : 'failed';
    default:
      return 'failed';
  }
}
