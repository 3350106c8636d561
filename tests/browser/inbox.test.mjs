// The inbox of a developer's machine: mails and text messages come by themselves, and are looked at in every way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { wellMade } from './look.mjs';
import { Partner, launchChromium, startPlatform, visitor } from './platform.mjs';

let platform, browser, partner, host;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
  ({ host } = await partner.company('Posting'));
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

/** In so many seconds, in UTC. */
const within = (seconds) => new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

test('mails come by themselves and are seen as they look, as text, as calendar file and raw', async () => {
  const page = await visitor(browser);
  await page.goto(platform.inbox_url);
  await page.getByText('0 mails').waitFor();
  await wellMade(page, 'inbox-empty');
  const meeting = await partner.call('conference/create', {
    host_id: host.host_id, subject: 'Numbers <b>', start: within(3600), time_zone: 'UTC', duration: 30, participant_emails: ['anna@guest.test'],
  });
  const entry = page.getByRole('button', { name: 'Invitation: Numbers <b> anna@guest.test' });
  await entry.click();
  await page.frameLocator('iframe').getByRole('heading', { name: 'Numbers <b>' }).waitFor();
  const allowed = await page.locator('iframe').getAttribute('sandbox');
  assert.equal(allowed, 'allow-popups allow-popups-to-escape-sandbox', 'a mail may do nothing but open its links');
  const popup = page.waitForEvent('popup');
  await page.frameLocator('iframe').getByRole('link', { name: 'Join the meeting' }).click();
  const room = await popup;
  await room.waitForURL(`${meeting.room_url}**`);
  await room.getByRole('heading').first().waitFor();
  await room.close();
  await page.getByRole('button', { name: 'Maybe' }).click();
  await page.getByText('Answered: Maybe').waitFor();
  await page.getByRole('tab', { name: 'Text', exact: true }).click();
  await page.locator('pre', { hasText: meeting.room_url }).waitFor();
  await page.getByRole('tab', { name: 'Calendar (REQUEST)' }).click();
  await page.locator('pre', { hasText: `UID:${meeting.ics_uid}` }).waitFor();
  await page.getByRole('tab', { name: 'Raw' }).click();
  await page.locator('pre', { hasText: 'Auto-Submitted: auto-generated' }).waitFor();
  await wellMade(page, 'inbox-raw');
  await partner.call('conference/update', { conference_id: meeting.conference_id, agenda: 'Bring numbers' });
  await page.getByRole('button', { name: 'Changed: Numbers <b> anna@guest.test' }).click();
  await page.getByRole('tab', { name: 'Calendar (REQUEST)' }).click();
  await page.locator('pre', { hasText: 'PARTSTAT=TENTATIVE' }).waitFor();
  await page.context().close();
});

test('reminders come in time, by mail and by text message', async () => {
  const page = await visitor(browser);
  await page.goto(platform.inbox_url);
  await partner.call('conference/create', {
    host_id: host.host_id, subject: 'Soon', start: within(64), time_zone: 'UTC', duration: 30,
    participant_emails: [{ email: 'bob@guest.test', phone: '+4915112345678' }],
    reminders: [{ channel: 'email', minutes_before: 1 }, { channel: 'sms', minutes_before: 1 }],
  });
  await page.getByRole('button', { name: 'Text message +4915112345678' }).click({ timeout: 40_000 });
  await page.getByRole('tab', { name: 'Text', exact: true }).click();
  await page.locator('pre', { hasText: /^Posting: Soon starts at \d\d:\d\d \(UTC\)\. http/ }).waitFor();
  await page.getByRole('button', { name: 'Reminder: Soon bob@guest.test' }).waitFor();
  await page.context().close();
});

test('what webhooks are sent is seen as it goes, and what became of it', async () => {
  let status = 200;
  const server = createServer((incoming, answer) => incoming.resume().on('end', () => answer.writeHead(status).end()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const page = await visitor(browser);
  try {
    await page.goto(platform.inbox_url);
    await page.getByRole('tab', { name: 'Webhooks' }).click();
    await page.getByText('What webhooks are sent appears here.').waitFor();
    await wellMade(page, 'inbox-webhooks-none');
    const { company } = await partner.company('Listening');
    const url = `http://127.0.0.1:${server.address().port}/hook`;
    await partner.call('webhook/create', { company_id: company.id, url });
    const account = (name) => ({ company_id: company.id, name, email: `${name}@${company.id}.test`, no_welcome_email: true });
    await partner.call('host/create', account('first'));
    await page.getByRole('button', { name: `host_created Arrived · ${url}` }).first().click();
    await page.getByText('Listening', { exact: true }).waitFor();
    status = 500;
    await partner.call('host/create', account('second'));
    const waiting = page.getByRole('button', { name: `host_created Waiting · ${url}` });
    await waiting.click();
    await page.getByText('500', { exact: true }).waitFor();
    await wellMade(page, 'inbox-webhooks');
    status = 200;
    await waiting.waitFor({ state: 'detached', timeout: 20_000 });
    await page.locator('main').getByText('Arrived', { exact: true }).waitFor();
    await page.getByRole('tab', { name: 'Mail' }).click();
    await page.getByText(/^\d+ mails$/).waitFor();
  } finally {
    await page.context().close();
    server.close();
  }
});
