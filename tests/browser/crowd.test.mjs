// Nine people: one page, and eight clients of the load generator with recorded media.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { wellMade } from './look.mjs';
import { Partner, binary, launchChromium, startPlatform, visitor } from './platform.mjs';
import { heard, join, seen } from './room.mjs';

/** The layers that the load generator publishes. */
const LAYERS = new Set(['320x180', '640x360', '1280x720']);
const NAMES = ['Bob', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gwen', 'Hugo', 'Iris'];

let platform, browser;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

test('nine people: one page shows and plays all the others, at every width', async () => {
  const partner = await Partner.signIn(platform);
  const { host } = await partner.company();
  const meeting = await partner.call('conference/create/reservationless', { host_id: host.host_id, one_time_access_code: true });
  const places = [];
  for (const name of NAMES) places.push(await partner.call('conference/join_token', { conference_id: meeting.conference_id, name }));
  const crowd = spawn(binary('loadgen'), ['publish', '--url', places[0].url.replace(/^http/, 'ws'), ...places.flatMap(({ token }) => ['--token', token])], { stdio: ['pipe', 'inherit', 'inherit'] });
  try {
    const page = await join(await visitor(browser, { viewport: { width: 1280, height: 900 } }), meeting.room_url, 'Ann');
    for (const name of NAMES) {
      const { width, height } = await seen(page, name, 15);
      assert.ok(LAYERS.has(`${width}x${height}`), `${name} is ${width}x${height}`);
    }
    await heard(page, NAMES.length);
    await wellMade(page, 'nine');
    assert.deepEqual(await overlaps(page), []);
    await page.context().close();
  } finally {
    crowd.stdin.end();
    if (crowd.exitCode === null) await once(crowd, 'exit');
  }
  assert.equal(crowd.exitCode, 0, 'the eight stayed to the end');
});

/** Pairs of tiles that share pixels. */
function overlaps(page) {
  return page.evaluate(() => {
    const tiles = [...document.querySelectorAll('[data-identity]')].map((tile) => ({ label: tile.getAttribute('aria-label'), box: tile.getBoundingClientRect() }));
    const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
    return tiles.flatMap((a, at) => tiles.slice(at + 1).filter((b) => !apart(a.box, b.box)).map((b) => `${a.label} and ${b.label}`));
  });
}
