import { expect, test } from 'vitest';
import { consent, dropClient, registerClient, rotateClient } from './oauth';
import type { Fetch } from './session';

const answering =
  (status: number, body: unknown): Fetch =>
  () =>
    Promise.resolve(new Response(JSON.stringify(body), { status }));
const lost: Fetch = () => Promise.reject(new Error('no network'));

test('an answer leads on, or says why it does not', async () => {
  const redirectUrl = 'https://app.test/back?code=c';
  expect(await consent(answering(200, { redirect_url: redirectUrl }), 'q', true)).toEqual({
    ok: true,
    redirectUrl,
  });
  const why = async (fetch: Fetch) => await consent(fetch, 'q', false);
  expect(await why(answering(401, {}))).toEqual({ ok: false, why: 'over' });
  expect(await why(answering(400, {}))).toEqual({ ok: false, why: 'gone' });
  expect(await why(answering(503, {}))).toEqual({ ok: false, why: 'unreachable' });
  expect(await why(lost)).toEqual({ ok: false, why: 'unreachable' });
});

test('an app is registered with its secret, or without one', async () => {
  const made = { client_id: 'c', name: 'A', redirect_uris: ['https://a.test/'], created: 'now' };
  const entry = { name: 'A', redirectUris: ['https://a.test/'], public: false };
  const client = {
    id: 'c',
    name: 'A',
    redirectUris: ['https://a.test/'],
    public: false,
    created: 'now',
  };
  const done = await registerClient(answering(200, { ...made, client_secret: 's' }), '/p', entry);
  expect(done).toEqual({ ok: true, of: { client, secret: 's' } });
  const open = await registerClient(answering(200, { ...made, public: true }), '/p', entry);
  expect(open).toEqual({ ok: true, of: { client: { ...client, public: true }, secret: null } });
  for (const [status, why] of [
    [400, 'invalid'],
    [409, 'full'],
    [401, 'over'],
    [500, 'unreachable'],
  ] as const) {
    expect(await registerClient(answering(status, {}), '/p', entry)).toEqual({ ok: false, why });
  }
});

test('a secret is replaced, and what is gone already is gone', async () => {
  expect(await rotateClient(answering(200, { client_secret: 's' }), '/p', 'c')).toEqual({
    ok: true,
    of: 's',
  });
  expect(await rotateClient(answering(404, {}), '/p', 'c')).toMatchObject({ ok: false });
  expect((await dropClient(answering(404, {}), '/p/delete', 'c')).ok).toBe(true);
  expect(await dropClient(lost, '/p/delete', 'c')).toEqual({ ok: false, why: 'unreachable' });
});
