import { describe, expect, test } from 'vitest';
import {
  createToken,
  passOn,
  register,
  revokeToken,
  setPassword,
  signIn,
  signOut,
  tradeHandoff,
  type Fetch,
} from './session';

const answering =
  (status: number, body: unknown, headers: Record<string, string> = {}): Fetch =>
  () =>
    Promise.resolve(new Response(JSON.stringify(body), { status, headers }));
const down: Fetch = () => Promise.reject(new Error('no network'));
const entry = { email: 'a@b.c', password: 'x', remember: true, redirectUrl: '/' };

describe('a frame', () => {
  test('trades its handoff for a session', async () => {
    const account = { name: 'Ann', email: 'a@b.c', access_code: '1234567' };
    const body = { session: 's', account, after_call_url: '/bye' };
    expect(await tradeHandoff(answering(200, body), 'h')).toEqual({
      token: 's',
      account: { name: 'Ann', email: 'a@b.c', accessCode: '1234567' },
      afterCallUrl: '/bye',
    });
    expect(await tradeHandoff(answering(401, body), 'h')).toBeNull();
    expect(await tradeHandoff(answering(200, null), 'h')).toBeNull();
    expect(await tradeHandoff(down, 'h')).toBeNull();
  });

  test('passes its session on in a header', async () => {
    let seen = '';
    const fetch: Fetch = (url, init) => {
      seen = `${url} ${new Headers(init.headers).get('authorization') ?? ''}`;
      return Promise.resolve(new Response('{"handoff":"h2"}'));
    };
    expect(await passOn(fetch, 's')).toBe('h2');
    expect(seen).toBe('/auth/session Session s');
    expect(await passOn(answering(401, { handoff: 'x' }), 's')).toBeNull();
    expect(await passOn(down, 's')).toBeNull();
  });
});

test('signing in tells apart what the visitor can do about it', async () => {
  const why = async (fetch: Fetch) => {
    const done = await signIn(fetch, entry);
    return done.ok ? done.redirectUrl : done.why;
  };
  expect(await why(answering(200, { redirect_url: '/x' }))).toBe('/x');
  expect(await why(answering(401, {}))).toBe('wrong');
  expect(await why(answering(400, {}))).toBe('invalid');
  expect(await why(answering(503, {}))).toBe('unreachable');
  expect(await why(down)).toBe('unreachable');
  const busy = answering(429, {}, { 'retry-after': '900' });
  expect(await signIn(busy, entry)).toEqual({ ok: false, why: 'busy', retryAfter: 900 });
  expect(await setPassword(answering(404, {}), '/password/x', 'p')).toMatchObject({ why: 'gone' });
});

test('signing out says where to go', async () => {
  expect(await signOut(answering(200, { redirect_url: 'https://a.b/' }), null)).toBe(
    'https://a.b/',
  );
  expect(await signOut(answering(500, {}), null)).toBeNull();
  expect(await signOut(down, 's')).toBeNull();
});

test('registering tells apart what the visitor can do about it', async () => {
  const person = { name: 'Ann', email: 'ann@a.test' };
  const sent = await register(answering(200, { email: 'ann@a.test' }), '/register/7', person);
  expect(sent).toEqual({ ok: true, email: 'ann@a.test' });
  const why = async (fetch: Fetch) => {
    const done = await register(fetch, '/register/7', person);
    return done.ok ? 'sent' : done.why;
  };
  expect(await why(answering(404, {}))).toBe('gone');
  expect(await why(answering(409, {}))).toBe('full');
  expect(await why(answering(403, { code: 'expired' }))).toBe('over');
  expect(await why(answering(503, {}))).toBe('unreachable');
  expect(await why(down)).toBe('unreachable');
  const field = async (field: string) => register(answering(400, { field }), '/register/7', person);
  expect(await field('name')).toEqual({ ok: false, why: 'invalid', field: 'name' });
  expect(await field('email')).toEqual({ ok: false, why: 'invalid', field: 'email' });
});

test('tokens are made in clear once, and what is gone is revoked', async () => {
  const token = { id: 'h', name: 'Server', created: '2026-11-24T12:00:00Z', used: null };
  const made = await createToken(
    answering(200, { ...token, api_token: 's' }),
    '/admin/tokens',
    'Server',
  );
  expect(made).toEqual({ ok: true, of: { token, secret: 's' } });
  const why = async (fetch: Fetch) => {
    const done = await createToken(fetch, '/admin/tokens', 'Server');
    return done.ok ? 'made' : done.why;
  };
  expect(await why(answering(409, {}))).toBe('full');
  expect(await why(answering(401, {}))).toBe('over');
  expect(await why(answering(503, {}))).toBe('unreachable');
  expect(await why(down)).toBe('unreachable');
  expect((await revokeToken(answering(404, {}), '/admin/tokens', 'h')).ok).toBe(true);
  expect(await revokeToken(answering(403, {}), '/admin/tokens', 'h')).toMatchObject({
    why: 'over',
  });
});
