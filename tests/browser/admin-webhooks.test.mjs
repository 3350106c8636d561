// The admin page of webhooks: made with a ping and a secret that is shown once, changed, looked into, sent again, deleted.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { focused, wellMade } from './look.mjs';
import { Partner, launchChromium, startPlatform, visitor } from './platform.mjs';

let platform, browser, partner, server, page, hook;
let status = 500;
const received = [];

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
  server = createServer(async (incoming, answer) => {
    const parts = [];
    for await (const part of incoming) parts.push(part);
    received.push(JSON.parse(Buffer.concat(parts)));
    answer.writeHead(status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  hook = `http://127.0.0.1:${server.address().port}/hook`;
  page = await visitor(browser);
});
after(async () => {
  await browser?.close();
  await platform?.stop();
  server?.close();
});

/** Waits until this many of an event have come. */
async function came(event, count) {
  const there = () => received.filter((one) => one.event === event);
  for (const end = Date.now() + 20_000; there().length < count; ) {
    assert.ok(Date.now() < end, `${there().length} of ${count} ${event}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return there();
}

const button = (name) => page.getByRole('button', { name, exact: true });
const account = (name) => ({ company_id: 1, name, email: `${name.toLowerCase()}@people.test`, no_welcome_email: true });

test('an administrator makes a webhook, whose secret is shown once', async () => {
  await page.goto(platform.admin_url);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByLabel('Email').fill(platform.email);
  await page.getByLabel('Password', { exact: true }).fill(platform.password);
  await button('Sign in').click();
  await page.getByRole('link', { name: 'Webhooks' }).click();
  await page.getByText('There are no webhooks yet.').waitFor();
  await wellMade(page, 'webhooks-none');
  await button('Create webhook').click();
  await page.getByText('Please say where it goes.').waitFor();
  await page.getByLabel('Address').fill(hook);
  await page.getByLabel('Everything that happens').uncheck();
  await button('Create webhook').click();
  await page.getByText('Please choose what it is told of.').waitFor();
  await page.getByLabel('host_created').check();
  await wellMade(page, 'webhooks-new');
  await button('Create webhook').click();
  await page.getByText('The address must answer a ping with a status of 2xx within 5 seconds; it answered 500').waitFor();
  status = 204;
  await button('Create webhook').click();
  const secret = await page.getByLabel(`The secret of ${hook}`).inputValue();
  assert.match(secret, /^[0-9a-f]{64}$/);
  const token = await page.getByLabel('Signing token', { exact: true }).inputValue();
  await wellMade(page, 'webhooks-made');
  await page.reload();
  await page.getByText(hook).waitFor();
  assert.ok(!(await page.content()).includes(secret), 'it is not shown again');
  assert.equal(await page.getByLabel('Signing token', { exact: true }).inputValue(), token);
});

test('its deliveries are looked into, and sent again', async () => {
  await partner.call('host/create', account('Ann'));
  const [first] = await came('host_created', 1);
  status = 500;
  await partner.call('host/create', account('Bob'));
  await came('host_created', 2);
  await button(`Deliveries to ${hook}`).click();
  const log = page.getByRole('group', { name: `Deliveries to ${hook}` });
  await log.getByText('Arrived at the first try, with status 204').waitFor();
  // The page asked before the failure was noted, perhaps.
  const failed = log.getByText('Has not arrived yet: answers with status 500 Internal Server Error instead of 2xx.');
  for (const end = Date.now() + 10_000; !(await failed.isVisible()); ) {
    assert.ok(Date.now() < end, 'the failure is not in the log');
    await button('Look again').click();
  }
  await wellMade(page, 'webhooks-deliveries');
  status = 204;
  await log.getByRole('button', { name: 'Send again: “host_created”' }).last().click();
  const ids = async () => (await came('host_created', 3)).map(({ id }) => id);
  while ((await ids()).filter((id) => id === first.id).length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
});

test('it says since when it fails, and is switched off and on', async () => {
  status = 500;
  await partner.call('host/create', account('Cid'));
  for (const end = Date.now() + 10_000; ; ) {
    assert.ok(Date.now() < end, 'the page does not say that it fails');
    await page.reload();
    await page.getByText(hook).waitFor();
    if (await page.getByText('Nothing has arrived since').isVisible()) break;
  }
  await page.getByText('answers with status 500').waitFor();
  await wellMade(page, 'webhooks-failing');
  await button(`Switch off ${hook}`).click();
  await page.getByText('Off since').waitFor();
  await button(`Switch on ${hook}`).click();
  await page.getByText('The address must answer a ping').waitFor();
  await wellMade(page, 'webhooks-off');
  status = 204;
  await button(`Switch on ${hook}`).click();
  await page.getByText('On', { exact: true }).waitFor();
  const pings = received.filter(({ event }) => event === 'ping').length;
  await button(`Ping ${hook}`).click();
  await page.getByText('The ping was answered.').waitFor();
  assert.equal(received.filter(({ event }) => event === 'ping').length, pings + 1);
});

test('it is changed, its token replaced, and deleted', async () => {
  const edit = button(`Edit ${hook}`);
  await edit.click();
  const form = page.locator('li form');
  assert.equal(await form.getByLabel('Address').inputValue(), hook);
  await form.getByLabel('Everything that happens').check();
  await wellMade(page, 'webhooks-edit');
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await focused(edit);
  const [shown] = await partner.call('webhook/fetch_all', { company_id: 1 });
  assert.equal(shown.events, null);

  const token = await page.getByLabel('Signing token', { exact: true }).inputValue();
  await button('Replace the signing token').click();
  await wellMade(page, 'webhooks-token');
  await button('Replace').click();
  await page.getByText('Deliveries carry the one before it until').waitFor();
  assert.notEqual(await page.getByLabel('Signing token', { exact: true }).inputValue(), token);

  await button(`Delete the webhook ${hook}`).click();
  await button('Keep').click();
  await focused(button(`Delete the webhook ${hook}`));
  await button(`Delete the webhook ${hook}`).click();
  await button('Delete').click();
  await page.getByText(`The webhook ${hook} is deleted.`).waitFor();
  await page.getByText('There are no webhooks yet.').waitFor();
  assert.deepEqual(await partner.call('webhook/fetch_all', { company_id: 1 }), []);
});

test('the page is for administrators', async () => {
  const { company } = await partner.company();
  const password = 'An0therSecret!';
  const host = await partner.call('host/create', { company_id: company.id, name: 'Dan', email: 'dan@people.test', password });
  const own = await visitor(browser);
  await own.goto(new URL('/login', host.meeting_url).href);
  await own.getByLabel('Email').fill('dan@people.test');
  await own.getByLabel('Password', { exact: true }).fill(password);
  await own.getByRole('button', { name: 'Sign in' }).click();
  await own.getByRole('heading', { name: 'Hello, Dan' }).waitFor();
  assert.equal(await own.getByRole('link', { name: 'Webhooks' }).count(), 0);
  await own.goto(new URL('/admin/webhooks', host.meeting_url).href);
  await own.getByText('This page is for administrators').waitFor();
  await own.context().close();
});
