// Every mail that people get, as it looks: narrow and wide, on a light and a dark surface, without pictures and without its styles. `SHOTS=FOLDER` keeps a
// picture of each. The mail about a disabled webhook takes three days of failures: it is kept beside this file, and a test of the functions holds it to what is sent.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Partner, launchChromium, localFetch, startPlatform, until, visitor } from './platform.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AGENDA = 'What came in\nWhat went out\nhttps://numbers.example/a/very/long/address/that/has/no/place/to/break/it/0123456789abcdef0123456789abcdef';

let platform, browser, page, partner, host;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
  ({ host } = await partner.company('Posting', { branding: { product_name: 'Posting Meet', primary_color: '#0b6b53' } }));
  page = await visitor(browser);
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

/** In so many seconds, in UTC. */
const within = (seconds) => new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

/** The newest mail with this subject to somebody. */
async function mail(subject, to, patience) {
  let found;
  await until(`“${subject}” to ${to}`, async () => {
    const mails = await (await fetch(`${platform.inbox_url}/mails`)).json();
    found = mails.find((one) => one.subject === subject && one.to.address === to);
    return found;
  }, patience);
  return found;
}

async function shot(name) {
  if (!process.env.SHOTS) return;
  mkdirSync(process.env.SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true });
}

async function fits(what) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${what}: ${overflow} px too wide`);
}

/** The mail fits, is read by everybody, and needs nothing from elsewhere. */
async function looked(name, { html, text }) {
  assert.ok(!/<img|<link|<script|url\(|@import|src=/i.test(html), `${name} loads something`);
  assert.ok(text.trim().length > 40, `${name} has no text`);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const width of [320, 360, 1000]) {
      await page.setViewportSize({ width, height: 640 });
      await page.setContent(html);
      await fits(`${name} at ${width}`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
        resultTypes: ['violations'],
        // A mail has no landmarks.
        rules: { region: { enabled: false }, 'landmark-one-main': { enabled: false } },
      }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${name}, ${id} at ${width}, ${colorScheme}: ${nodes[0].html}`), []);
      if (width !== 320) await shot(`${name}-${colorScheme}-${width}`);
    }
  }
  // As readers show it that take styles out.
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 360, height: 640 });
  await page.setContent(html.replace(/<style>.*?<\/style>/s, ''));
  await fits(`${name} without its styles`);
  await shot(`${name}-plain-360`);
}

const series = { start: within(24 * 3600), time_zone: 'Europe/Berlin', duration: 45, recurrence: { rrule: 'FREQ=WEEKLY;COUNT=5' } };

test('what people get about a meeting', async () => {
  const planned = { host_id: host.host_id, agenda: AGENDA, security_pin: '471147', duration: 45, time_zone: 'Europe/Berlin' };
  const people = [{ email: 'anna@guest.test', name: 'Anna' }, { email: 'mo@guest.test', name: 'Mo', moderator: true }, { email: 'uma@guest.test', name: 'Uma' }];
  const meeting = await partner.call('conference/create', { ...planned, subject: 'Numbers of the year', start: within(7200), participant_emails: people });
  await looked('invitation-guest', await mail('Invitation: Numbers of the year', 'anna@guest.test'));
  await looked('invitation-moderator', await mail('Invitation: Numbers of the year', 'mo@guest.test'));
  await looked('invitation-host', await mail('Invitation: Numbers of the year', host.email));
  const id = { conference_id: meeting.conference_id };
  await partner.call('conference/update', { ...id, start: within(9000), participant_emails: people.slice(0, 2) });
  await looked('changed', await mail('Changed: Numbers of the year', 'anna@guest.test'));
  await looked('uninvited', await mail('Cancelled: Numbers of the year', 'uma@guest.test'));
  await partner.call('conference/delete', id);
  await looked('cancelled', await mail('Cancelled: Numbers of the year', 'anna@guest.test'));
});

test('what people get about one occurrence', async () => {
  const meeting = await partner.call('conference/create', { ...series, host_id: host.host_id, subject: 'Weekly', participant_emails: ['anna@guest.test'] });
  await looked('invitation-series', await mail('Invitation: Weekly', 'anna@guest.test'));
  const [, second, third] = meeting.occurrences;
  const one = { conference_id: meeting.conference_id, scope: 'this' };
  await partner.call('conference/update', { ...one, occurrence: second.occurrence, duration: 60 });
  await looked('changed-occurrence', await mail('Changed: Weekly', 'anna@guest.test'));
  await partner.call('conference/delete', { ...one, occurrence: third.occurrence });
  await looked('cancelled-occurrence', await mail('Cancelled: Weekly', 'anna@guest.test'));
});

test('what people get who register', async () => {
  const meeting = await partner.call('conference/create', {
    host_id: host.host_id, subject: 'Open day', start: within(7200), time_zone: 'UTC', duration: 30, registration: true, one_time_access_code: true,
  });
  const door = new URL(`/register/${meeting.conference_id}`, meeting.room_url);
  const headers = { origin: door.origin, 'content-type': 'application/json' };
  const asked = await localFetch(door, { method: 'POST', headers, body: JSON.stringify({ name: 'Rita', email: 'rita@guest.test' }) });
  assert.equal(asked.status, 200);
  const found = await mail('Invitation: Open day', 'rita@guest.test');
  assert.match(found.text, /pass=/);
  await looked('registered', found);
});

test('what people get shortly before', async () => {
  await partner.call('conference/create', {
    host_id: host.host_id, subject: 'Soon', start: within(64), time_zone: 'UTC', duration: 30, participant_emails: ['anna@guest.test'],
    reminders: [{ channel: 'email', minutes_before: 1 }],
  });
  await looked('reminder', await mail('Reminder: Soon', 'anna@guest.test', 60_000));
});

test('what account holders get', async () => {
  const { company } = await partner.company('Accounts');
  const account = (name, more) => ({ company_id: company.id, name, email: `${name.toLowerCase()}@people.test`, ...more });
  await partner.call('host/create', account('Ann', {}));
  await partner.call('host/create', account('Bob', { password: 'An0therSecret!' }));
  const welcome = 'Welcome to Accounts';
  await looked('welcome-link', await mail(welcome, 'ann@people.test'));
  await looked('welcome-password', await mail(welcome, 'bob@people.test'));
  const door = new URL('/password', (await partner.call('host/fetch_all', { company_id: company.id }))[0].meeting_url);
  const headers = { origin: door.origin, 'content-type': 'application/json' };
  const asked = await localFetch(door, { method: 'POST', headers, body: JSON.stringify({ email: 'bob@people.test' }) });
  assert.equal(asked.status, 200);
  await looked('forgotten', await mail('Set a new password for Accounts', 'bob@people.test'));
});

test('what whoever made a webhook gets when it is disabled', async () => {
  await looked('webhook-disabled', JSON.parse(readFileSync(new URL('mails/webhook-disabled.json', import.meta.url), 'utf8')));
});

test('the same in every language', async () => {
  for (const [locale, subject] of [['de', 'Einladung: Treffen'], ['es', 'Invitación: Treffen'], ['fr', 'Invitation : Treffen'], ['pt', 'Convite: Treffen']]) {
    const { host: own } = await partner.company(`Haus${locale}`, { locale });
    await partner.call('conference/create', { ...series, host_id: own.host_id, subject: 'Treffen', participant_emails: [`${locale}@guest.test`] });
    await looked(`language-${locale}`, await mail(subject, `${locale}@guest.test`));
  }
});

test('the inbox shows a mail at both widths', async () => {
  await page.goto(platform.inbox_url);
  await page.getByRole('button', { name: /^Invitation: Weekly .*anna@guest\.test/ }).click();
  await page.frameLocator('iframe').getByRole('heading', { name: 'Weekly' }).waitFor();
  for (const width of [360, 1000]) {
    await page.setViewportSize({ width, height: 900 });
    await fits(`the inbox at ${width}`);
    await shot(`inbox-mail-${width}`);
  }
});
