import { expect, test } from 'vitest';
import type { Fetch } from './session';
import {
  createWebhook,
  deleteWebhook,
  deliveriesOf,
  redeliver,
  updateWebhook,
  type WebhookEdit,
} from './webhooks';

const answering =
  (status: number, body: unknown): Fetch =>
  () =>
    Promise.resolve(new Response(JSON.stringify(body), { status }));
const lost: Fetch = () => Promise.reject(new Error('no network'));
const shown = {
  webhook_id: 3,
  url: 'https://a.test/hook',
  events: null,
  disabled_since: null,
  disabled_because: null,
  failing_since: null,
  signing_token: 't',
  signing_token_from: null,
};
const read = {
  id: 3,
  url: 'https://a.test/hook',
  events: null,
  disabled: null,
  failingSince: null,
  signingToken: 't',
  signingTokenFrom: null,
};
const sent = {
  delivery_id: 'd',
  event: 'conference_start',
  timestamp: '2026-06-01T12:00:00.000Z',
  state: 'failed',
  attempts: 9,
  last_attempt: '2026-06-03T12:00:00.000Z',
  next_attempt: null,
  status: 500,
  error: 'answers with status 500',
};

test('a webhook is made with its secret, or it is said why not', async () => {
  const make = (fetch: Fetch) => createWebhook(fetch, '/p', { url: shown.url, events: null });
  const done = await make(answering(200, { ...shown, secret: 's' }));
  expect(done).toEqual({ ok: true, of: { webhook: read, secret: 's' } });
  const message = 'url: must answer a ping';
  expect(await make(answering(400, { message }))).toEqual({ ok: false, why: 'refused', message });
  for (const [status, why] of [
    [409, 'full'],
    [401, 'over'],
    [403, 'over'],
    [400, 'unreachable'],
    [503, 'unreachable'],
  ] as const) {
    expect(await make(answering(status, {}))).toEqual({ ok: false, why });
  }
  expect(await make(lost)).toEqual({ ok: false, why: 'unreachable' });
});

test('only what changes is sent', async () => {
  const body = async (edit: WebhookEdit) => {
    let sent = '';
    const fetch: Fetch = (path, init) => {
      sent = `${path} ${typeof init.body === 'string' ? init.body : ''}`;
      return Promise.resolve(new Response(JSON.stringify(shown)));
    };
    await updateWebhook(fetch, '/p', 3, edit);
    return sent;
  };
  expect(await body({ enabled: false })).toBe('/p/update {"webhook_id":3,"enabled":false}');
  expect(await body({ events: null })).toBe('/p/update {"webhook_id":3,"all_events":true}');
  expect(await body({ events: ['ping'] })).toBe('/p/update {"webhook_id":3,"events":["ping"]}');
  expect(await body({ newSigningToken: true })).toBe(
    '/p/update {"webhook_id":3,"new_signing_token":true}',
  );
  const off = { ...shown, disabled_since: 'now', disabled_because: 'failing' };
  const done = await updateWebhook(answering(200, off), '/p', 3, {});
  expect(done).toEqual({
    ok: true,
    of: { ...read, disabled: { since: 'now', because: 'failing' } },
  });
});

test('what is gone already is deleted, and cannot be changed', async () => {
  expect(await deleteWebhook(answering(404, {}), '/p', 3)).toEqual({ ok: true, of: true });
  expect(await deleteWebhook(lost, '/p', 3)).toEqual({ ok: false, why: 'unreachable' });
  expect(await updateWebhook(answering(404, {}), '/p', 3, {})).toEqual({ ok: false, why: 'gone' });
});

test('the log is read, and what is no delivery left out', async () => {
  const answer = { deliveries: [sent, { ...sent, state: 'lost' }], next: 'd' };
  const delivery = {
    id: 'd',
    event: 'conference_start',
    timestamp: sent.timestamp,
    state: 'failed',
    attempts: 9,
    last: sent.last_attempt,
    next: null,
    status: 500,
    error: sent.error,
  };
  const log = await deliveriesOf(answering(200, answer), '/p', 3, null);
  expect(log).toEqual({ ok: true, of: { deliveries: [delivery], next: 'd' } });
  const again = await redeliver(answering(200, { ...sent, state: 'waiting' }), '/p', 3, 'd');
  expect(again).toEqual({ ok: true, of: { ...delivery, state: 'waiting' } });
  expect(await redeliver(answering(409, {}), '/p', 3, 'd')).toMatchObject({ ok: false });
});
