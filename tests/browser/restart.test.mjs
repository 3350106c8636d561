// The platform ends and starts again, killed or in order: all are back in the same meeting as they were, also in one that nobody planned,
// and what its moderators set holds.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Partner, launchChromium, startPlatform, until, visitor } from './platform.mjs';
import { inside, join, picture, press, running, seen, watched } from './room.mjs';

// Below the ports that are given to whoever asks for any.
const PORT = 20_000 + (process.pid % 10_000);

let platform, browser;

before(async () => {
  platform = await startPlatform({ port: PORT });
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

test('who was let in, and had muted, is back by themselves and muted, and a locked meeting stays locked', async () => {
  const partner = await Partner.signIn(platform);
  const { host } = await partner.company();
  const meeting = await partner.call('conference/create/reservationless', { host_id: host.host_id, one_time_access_code: true, waiting_room: true });
  const ann = await join(await visitor(browser), meeting.room_url, 'Ann', { moderator_token: meeting.moderator_token });
  const bob = await watched(browser);
  await bob.goto(meeting.room_url);
  await bob.getByLabel('Your name').fill('Bob');
  await bob.getByRole('button', { name: 'Join now' }).click();
  const admit = () => ann.getByRole('button', { name: 'Admit', exact: true }).click();
  await admit();
  await seen(ann, 'Bob');
  await press(bob, 'Mute');
  await until('Bob muted', async () => (await picture(ann, 'Bob'))?.label.includes('muted'));
  await ann.locator('#people-button').click();
  await ann.getByRole('button', { name: 'Lock meeting' }).click();
  await bob.locator('.room-lock').waitFor();

  await platform.stop('SIGKILL', { keep: true });
  platform = await startPlatform({ port: PORT, data: platform.data });

  for (const page of [ann, bob]) await page.getByText('You are back').waitFor({ timeout: 60_000 });
  await seen(ann, 'Bob');
  assert.equal(await ann.locator('.room-lock').count(), 1);
  const cleo = await visitor(browser);
  await cleo.goto(meeting.room_url);
  await cleo.getByLabel('Your name').fill('Cleo');
  await cleo.getByRole('button', { name: 'Join now' }).click();
  await cleo.locator('[data-ending=locked]').waitFor();
  assert.ok((await picture(ann, 'Bob')).label.includes('muted'));
  // No device was left running beside those that are published.
  assert.deepEqual((await running(bob)).sort(), ['audio', 'video']);
  for (const page of [ann, bob, cleo]) await page.context().close();
});

test('a meeting that nobody planned goes on when the platform ends in order', async () => {
  const partner = await Partner.signIn(platform);
  const { host } = await partner.company('Unplanned');
  const hanna = await visitor(browser);
  await hanna.goto(new URL('/login', host.meeting_url).href);
  await hanna.getByLabel('Email').fill(host.email);
  await hanna.getByLabel('Password', { exact: true }).fill('SoSecret5!');
  await hanna.keyboard.press('Enter');
  await hanna.getByRole('link', { name: 'Start a meeting now' }).click();
  await hanna.getByRole('button', { name: 'Join now' }).click();
  await inside(hanna);
  const bob = await join(await visitor(browser), host.meeting_url, 'Bob');
  await seen(hanna, 'Bob');
  const meetings = async () => (await partner.call('conference/fetch_all', { host_id: host.host_id })).map(({ conference_id: id }) => id);
  const before = await meetings();
  assert.equal(before.length, 1);

  await platform.stop('SIGTERM', { keep: true });
  platform = await startPlatform({ port: PORT, data: platform.data });

  await until('Bob’s picture moves again', async () => {
    const first = (await picture(hanna, 'Bob'))?.frames;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return first > 0 && (await picture(hanna, 'Bob'))?.frames > first;
  }, 60_000);
  await seen(bob, host.name);
  assert.deepEqual(await meetings(), before);
  for (const page of [hanna, bob]) await page.context().close();
});
