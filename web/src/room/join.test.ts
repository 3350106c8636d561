import { describe, expect, test } from 'vitest';
import { join, numberOf, parseAdmission, parseRefusal, type Fetch } from './join';

const ANSWER = {
  token: 'jwt',
  identity: 'p17',
  participant: 17,
  name: 'Ann',
  role: 'moderator',
  relays: [{ url: 'wss://r1.example/', region: 'eu' }],
  conference: {
    id: 183,
    subject: 'Weekly',
    host_name: 'Bo',
    hard_stop: 5,
  },
  media: { h264: true, max_resolution: 720 },
};

describe('an admission', () => {
  test('is read whole, with the relay as an http address', () => {
    expect(parseAdmission(ANSWER)).toEqual({
      token: 'jwt',
      identity: 'p17',
      participant: 17,
      name: 'Ann',
      role: 'moderator',
      relays: [{ url: 'https://r1.example', region: 'eu' }],
      conference: {
        id: 183,
        subject: 'Weekly',
        hostName: 'Bo',
        hardStop: 5,
      },
      media: { h264: true, maxResolution: 720 },
    });
  });

  test('without token or relay is none', () => {
    expect(parseAdmission({ ...ANSWER, token: '' })).toBeNull();
    expect(parseAdmission({ ...ANSWER, relays: [{ url: 'ftp://x' }, null] })).toBeNull();
    expect(parseAdmission(null)).toBeNull();
  });

  test('numbers come from identities', () => {
    expect(numberOf('p17')).toBe(17);
    expect(numberOf('q17')).toBe(0);
    expect(numberOf('p')).toBe(0);
  });
});

describe('a refusal', () => {
  test('is known by its reason, flat or nested', () => {
    const body = { code: 'not_started', reason: 'not_started', starts_at: 'T', subject: 'S' };
    const expected = { kind: 'reason', reason: 'not_started', startsAt: 'T', subject: 'S' };
    expect(parseRefusal(403, body, null)).toEqual(expected);
    expect(parseRefusal(403, { error: body }, null)).toEqual(expected);
  });

  test('is known by status where there is no reason', () => {
    expect(parseRefusal(404, { code: 'not_found' }, null)).toEqual({ kind: 'not_found' });
    expect(parseRefusal(429, {}, '7')).toEqual({ kind: 'busy', retryAfter: 7 });
    expect(parseRefusal(429, null, null)).toEqual({ kind: 'busy', retryAfter: 5 });
    expect(parseRefusal(503, 'x', null)).toEqual({ kind: 'unreachable' });
    expect(parseRefusal(400, { message: 'm' }, null)).toEqual({ kind: 'error', message: 'm' });
  });
});

describe('asking', () => {
  test('sends the session as a header', async () => {
    let sent: RequestInit = {};
    const fetch: Fetch = (_url, init) => {
      sent = init;
      return Promise.resolve(new Response(JSON.stringify(ANSWER)));
    };
    const outcome = await join(fetch, { code: '1', name: 'Ann' }, 'secret');
    expect(outcome.ok).toBe(true);
    expect(new Headers(sent.headers).get('authorization')).toBe('Session secret');
  });

  test('never throws', async () => {
    const down: Fetch = () => Promise.reject(new TypeError('offline'));
    expect(await join(down, { code: '1', name: 'A' }, null)).toEqual({
      ok: false,
      refusal: { kind: 'unreachable' },
    });
    const html: Fetch = () => Promise.resolve(new Response('<html>', { status: 200 }));
    expect((await join(html, { code: '1', name: 'A' }, null)).ok).toBe(false);
  });
});
