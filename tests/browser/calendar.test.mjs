// Whoever is early keeps the date: as a calendar file, at Google or at Outlook.com, with the way in that the visitor came by.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { wellMade } from './look.mjs';
import { Partner, launchChromium, startPlatform, until, visitor } from './platform.mjs';

let platform, browser, partner, host;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
  ({ host } = await partner.company());
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

/** In so many seconds, in UTC, to the minute. */
const within = (seconds) => `${new Date(Date.now() + seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')}:00`;
const planned = (more) => partner.call('conference/create', {
  host_id: host.host_id, subject: 'Plan & budget', start: within(7200), time_zone: 'Europe/Berlin', duration: 45, one_time_access_code: true, ...more,
});

/** The lines of the file that the page offers. */
async function file(page) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Calendar file' }).click()]);
  assert.equal(download.suggestedFilename(), 'meeting.ics');
  return (await readFile(await download.path(), 'utf8')).replace(/\r\n /g, '').split('\r\n');
}

/** Where a link leads, by its parameters. */
const query = async (page, name) => new URL(await page.getByRole('link', { name }).getAttribute('href')).searchParams;

test('a guest who is early keeps the date', async () => {
  const meeting = await planned({});
  const page = await visitor(browser);
  await page.goto(meeting.room_url);
  await page.getByRole('group', { name: 'Add to calendar' }).waitFor();
  await wellMade(page, 'waiting-calendar');
  const lines = await file(page);
  for (const line of ['METHOD:PUBLISH', `UID:${meeting.ics_uid}`, 'SUMMARY:Plan & budget', `LOCATION:${meeting.room_url}`]) {
    assert.ok(lines.includes(line), `${line} in ${lines.join('\n')}`);
  }
  const wall = meeting.start.replace(/[-:]/g, '').replace(' ', 'T');
  assert.ok(lines.includes(`DTSTART;TZID=Europe/Berlin:${wall}`), lines.join('\n'));
  const google = await query(page, 'Google');
  assert.equal(google.get('text'), 'Plan & budget');
  assert.equal(google.get('location'), meeting.room_url);
  assert.match(google.get('dates'), /^\d{8}T\d{6}Z\/\d{8}T\d{6}Z$/);
  const outlook = await query(page, 'Outlook.com');
  assert.equal(Date.parse(outlook.get('enddt')) - Date.parse(outlook.get('startdt')), 45 * 60_000);
  await page.context().close();
});

test('who has registered keeps the own link, and what a PIN guards is not named to others', async () => {
  const meeting = await planned({ registration: true, security_pin: '471147', participant_emails: ['anna@guest.test'] });
  let mail;
  await until('a mail to Anna', async () => {
    const mails = await (await fetch(`${platform.inbox_url}/mails`)).json();
    return (mail = mails.find(({ to }) => to.address === 'anna@guest.test'));
  });
  const own = mail.text.match(/https?:\S+\/conf\/call\/\S+/)[0];
  assert.match(own, /pass=/);
  const page = await visitor(browser);
  await page.goto(own);
  const lines = await file(page);
  assert.ok(lines.includes(`LOCATION:${own}`) && lines.includes('SUMMARY:Plan & budget'), lines.join('\n'));
  assert.ok(!lines.join('\n').includes('471147'));
  assert.equal((await query(page, 'Google')).get('location'), own);
  await page.context().close();

  const guarded = await planned({ security_pin: '471147' });
  const guest = await visitor(browser);
  await guest.goto(guarded.room_url);
  assert.ok((await file(guest)).some((line) => line.startsWith('SUMMARY:Acme')));
  assert.match((await query(guest, 'Google')).get('text'), /Acme Host$/);
  await guest.context().close();
});
