// Registering for a meeting: from its plain link to a form, to a mail, to a link of one's own, to the meeting.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { focused, wellMade } from './look.mjs';
import { Partner, launchChromium, startPlatform, until, visitor } from './platform.mjs';
import { inside } from './room.mjs';

let platform, browser, partner, host, server;
// What the company's webhook was told.
const told = [];

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
  ({ host } = await partner.company());
  server = createServer(async (incoming, answer) => {
    const parts = [];
    for await (const part of incoming) parts.push(part);
    const { event, payload } = JSON.parse(Buffer.concat(parts));
    if (event !== 'ping') told.push([event, JSON.parse(payload)]);
    answer.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await partner.call('webhook/create', {
    company_id: host.company_id, url: `http://127.0.0.1:${server.address().port}/`, events: ['participant_join', 'participant_leave'],
  });
});
after(async () => {
  await browser?.close();
  server?.close();
  await platform?.stop();
});

/** The address of the meeting in the newest mail to somebody. */
async function ownLink(email) {
  let mail;
  await until(`a mail to ${email}`, async () => {
    const mails = await (await fetch(`${platform.inbox_url}/mails`)).json();
    mail = mails.find(({ to }) => to.address === email);
    return mail !== undefined;
  });
  return mail.text.match(/https?:\S+\/conf\/call\/\S+/)[0];
}

test('a guest registers, and comes in by the link in the mail', async () => {
  const start = new Date(Date.now() + 5 * 60_000).toISOString().slice(0, 19).replace('T', ' ');
  const meeting = await partner.call('conference/create', {
    host_id: host.host_id, subject: 'Open day', agenda: 'Who we are\nWhat we do', start, time_zone: 'UTC', duration: 30,
    registration: true, one_time_access_code: true,
  });
  const page = await visitor(browser);
  await page.goto(meeting.room_url);
  await page.getByRole('heading', { name: 'Please register for this meeting' }).waitFor();
  await wellMade(page, 'registration-asked');
  await page.getByRole('link', { name: 'Register' }).click();
  await page.getByRole('heading', { name: 'Open day' }).waitFor();
  await page.getByText('What we do').waitFor();
  await page.getByRole('button', { name: 'Register' }).click();
  await page.getByText('Please enter your name').waitFor();
  await page.getByLabel('Your name').fill('Rita');
  await page.getByLabel('Email address').fill('nobody');
  await page.getByRole('button', { name: 'Register' }).click();
  await page.getByText('This is not an email address.').waitFor();
  await wellMade(page, 'registration-form');
  await page.getByLabel('Email address').fill('rita@guest.test');
  await page.getByRole('button', { name: 'Register' }).click();
  await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
  await wellMade(page, 'registration-sent');
  await page.getByRole('button', { name: 'Use another address' }).click();
  await focused(page.getByLabel('Your name'));

  await page.goto(await ownLink('rita@guest.test'));
  const join = page.getByRole('button', { name: 'Join now' });
  await join.waitFor();
  assert.ok(!page.url().includes('pass='), 'her link is not for others to copy');
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Rita');
  await page.reload();
  await join.click();
  await inside(page);

  // The same address in another browser is nobody's own.
  const other = await visitor(browser);
  await other.goto(page.url());
  await other.getByRole('heading', { name: 'Please register for this meeting' }).waitFor();
  for (const one of [page, other]) await one.context().close();

  // The partner hears who came, by her contact.
  await until('her leaving', async () => told.some(([event]) => event === 'participant_leave'), 60_000);
  const contacts = await partner.call('contact/fetch_all', { host_id: host.host_id });
  const rita = contacts.find(({ email }) => email === 'rita@guest.test').contact_id;
  assert.deepEqual(
    told.map(([event, { name, contact_id: contact }]) => [event, name, contact]),
    [['participant_join', 'Rita', rita], ['participant_leave', 'Rita', rita]],
  );
});

test('moderators come in by their own link, and an unknown meeting has no form', async () => {
  const meeting = await partner.call('conference/create/reservationless', {
    host_id: host.host_id, registration: true, one_time_access_code: true,
  });
  const page = await visitor(browser);
  await page.goto(`${meeting.room_url}?moderator_token=${meeting.moderator_token}`);
  await page.getByRole('button', { name: 'Join now' }).waitFor();
  await page.goto(new URL('/register/999999', meeting.room_url).href);
  await page.getByRole('heading', { name: 'There is nothing to register for' }).waitFor();
  await wellMade(page, 'registration-gone');
  await page.context().close();
});

test('whom the partner vouches for comes in by a join token, as the person that it names', async () => {
  const meeting = await partner.call('conference/create/reservationless', {
    host_id: host.host_id, registration: true, one_time_access_code: true,
  });
  const { conference_id: conference } = meeting;
  const { token } = await partner.call('conference/join_token', { conference_id: conference, name: 'Véra', moderator: true });
  const page = await visitor(browser);
  await page.goto(`${meeting.room_url}?skip_join=true#token=${token}`);
  await page.getByRole('button', { name: 'Join as Véra' }).click();
  await inside(page);
  assert.ok(!page.url().includes(token), 'her token is not for others to copy');
  await page.reload();
  await page.getByRole('button', { name: 'Join as Véra' }).click();
  await inside(page);
  const there = await until('the partner to hear of her', async () => {
    const all = await partner.call('conference/participants', { conference_id: conference });
    return all.length > 0 && all;
  });
  assert.deepEqual(there.map(({ name, moderator, participant }) => [name, moderator, participant]), [['Véra', true, 1]]);
  await page.context().close();
});
