import { expect, test } from 'vitest';
import type { Fetch } from './join';
import { raceRelays } from './race';

const relay = (name: string) => ({ url: `https://${name}.example`, region: name });
const [a, b, c] = [relay('a'), relay('b'), relay('c')] as const;
const ok = () => new Response('OK');

test('the first to answer wins, the others keep their order', async () => {
  const fetch: Fetch = (url) =>
    url.startsWith(c.url) ? Promise.resolve(ok()) : new Promise(() => undefined);
  expect(await raceRelays([a, b, c], { fetch, timeout: 1000 })).toEqual([c, a, b]);
});

test('an unwell relay does not win', async () => {
  const fetch: Fetch = (url) =>
    url.startsWith(a.url)
      ? Promise.resolve(new Response('', { status: 503 }))
      : Promise.resolve(ok());
  expect((await raceRelays([a, b], { fetch, timeout: 1000 }))[0]).toBe(b);
});

test('without any answer the order stays', async () => {
  const fetch: Fetch = () => Promise.reject(new TypeError('offline'));
  expect(await raceRelays([a, b], { fetch, timeout: 10 })).toEqual([a, b]);
});

test('no token travels, and one address alone is not asked', async () => {
  const asked: [string, RequestInit][] = [];
  const fetch: Fetch = (url, init) => {
    asked.push([url, init]);
    return Promise.resolve(ok());
  };
  await raceRelays([a], { fetch, timeout: 10 });
  expect(asked).toEqual([]);
  await raceRelays([a, b], { fetch, timeout: 10 });
  for (const [url, init] of asked) {
    expect(url).toMatch(/^https:\/\/[ab]\.example\/$/);
    expect(init.headers).toBeUndefined();
    expect(init.credentials).toBe('omit');
  }
});
