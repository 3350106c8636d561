// Whoever cannot come in sees a page that says why, and nothing breaks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { wellMade } from './look.mjs';
import { Partner, launchChromium, startPlatform, visitor } from './platform.mjs';
import { join } from './room.mjs';

let platform, browser, partner, company, host;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
  ({ company, host } = await partner.company('Doors'));
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

const wallClock = (milliseconds) => new Date(Date.now() + milliseconds).toISOString().slice(0, 19).replace('T', ' ');
const HOUR = 3_600_000;

test('a code that no meeting has', async () => {
  const page = await visitor(browser);
  const response = await page.goto(new URL('/conf/call/123456789', host.meeting_url).href);
  assert.equal(response.status(), 404);
  await page.getByText('There is no meeting with this code').waitFor();
  await wellMade(page);
  await page.context().close();
});

test("another company's code is no code here", async () => {
  const other = await partner.company('Elsewhere');
  const code = new URL(other.host.meeting_url).pathname;
  const page = await visitor(browser);
  await page.goto(new URL(code, host.meeting_url).href);
  await page.getByText('There is no meeting with this code').waitFor();
  await page.context().close();
});

test('too early: the page waits for the start', async () => {
  const { room_url: roomUrl } = await partner.call('conference/create', {
    host_id: host.host_id, subject: 'Tomorrow', start: wallClock(24 * HOUR), time_zone: 'UTC', duration: 60, one_time_access_code: true,
  });
  const page = await visitor(browser);
  await page.goto(roomUrl);
  await page.getByText('You are early').waitFor();
  await wellMade(page);
  await page.context().close();
});

test('a PIN is asked for, refused when wrong, and lets in when right', async () => {
  const { room_url: roomUrl } = await partner.call('conference/create/reservationless', {
    host_id: host.host_id, one_time_access_code: true, security_pin: '246810',
  });
  const page = await visitor(browser);
  await page.goto(roomUrl);
  await page.getByLabel('Your name').fill('Ann');
  await page.getByRole('button', { name: 'Join now' }).click();
  await page.getByLabel('PIN').fill('111111');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('That PIN is not right').waitFor();
  await page.getByLabel('PIN').fill('246810');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('toolbar', { name: 'Meeting controls' }).waitFor();
  await page.context().close();
});

test('a full meeting', async () => {
  const small = await partner.company('Small', { media_policy: { max_participants: 2 } });
  const { room_url: roomUrl } = await partner.call('conference/create/reservationless', { host_id: small.host.host_id, one_time_access_code: true });
  const inside = [await join(await visitor(browser), roomUrl, 'Ann'), await join(await visitor(browser), roomUrl, 'Bob')];
  const page = await visitor(browser);
  await page.goto(roomUrl);
  await page.getByLabel('Your name').fill('Cleo');
  await page.getByRole('button', { name: 'Join now' }).click();
  await page.getByText('This meeting is full').waitFor();
  await wellMade(page);
  for (const each of [page, ...inside]) await each.context().close();
});

test('a guest on a host’s own code while nobody opened a meeting', async () => {
  const page = await visitor(browser);
  await page.goto(host.meeting_url);
  await page.getByText('The host will open this meeting soon').waitFor();
  await wellMade(page);
  await page.context().close();
});

test('the front page takes a code', async () => {
  const { room_url: roomUrl } = await partner.call('conference/create/reservationless', { host_id: host.host_id, one_time_access_code: true });
  const page = await visitor(browser);
  await page.goto(new URL('/', roomUrl).href);
  await wellMade(page);
  await page.getByLabel('Meeting code').fill(new URL(roomUrl).pathname.split('/').pop());
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: 'Join now' }).waitFor();
  assert.ok(company.id);
  await page.context().close();
});
