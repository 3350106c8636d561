// Hosts of a company sign in with their reseller's OpenID Connect provider: `oidc-provider`, a certified one, as it comes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import Provider from 'oidc-provider';
import { wellMade } from './look.mjs';
import { Partner, binary, launchChromium, startPlatform, visitor } from './platform.mjs';

const SECRET = 'a secret of 32 characters, & more';
let platform, browser, partner, company, host, provider;

before(async () => {
  const server = createServer((request, response) => provider(request, response));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const issuer = `http://127.0.0.1:${server.address().port}`;
  // The reseller of the laptop's demo account, with its provider.
  const data = await mkdtemp(join(tmpdir(), 'convoke-openid-'));
  const file = join(data, 'first.json');
  const event = {
    reseller: { name: 'Convoke Demo', domain: 'convoke.localhost', openid: { issuer, client_id: 'convoke', client_secret: SECRET } },
    company: { subdomain: 'demo', name: 'Convoke Demo' },
    admin: { name: 'Demo Admin', email: 'admin@convoke.example', password: 'Sup3rSecret!' },
  };
  await writeFile(file, JSON.stringify(event));
  await promisify(execFile)(binary('convoke'), ['init', file, '--data', data]);
  platform = await startPlatform({ data });
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
  ({ company, host } = await partner.company('Openly', { openid_provider: true }));
  await partner.call('host/update', { host_id: host.host_id, openid_sub: 'ann' });
  const client = { client_id: 'convoke', client_secret: SECRET, redirect_uris: [address('/login/openid/back')] };
  const real = new Provider(issuer, { clients: [client], pkce: { required: () => true }, cookies: { keys: ['a key of this test'] } });
  provider = real.callback();
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

const address = (path) => new URL(path, host.meeting_url).href;

/** Signs in at the provider as this person, from its first page to where it leads back. */
async function atProvider(page, login) {
  await page.getByPlaceholder('Enter any login').fill(login);
  await page.getByPlaceholder('and password').fill('anything');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForURL((url) => url.host === new URL(host.meeting_url).host);
}

test('whom the provider signs in comes back to the page, signed in', async () => {
  const page = await visitor(browser);
  await page.goto(address('/'));
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByText('Openly signs you in with its own sign-in service.').waitFor();
  assert.equal(await page.getByLabel('Email').count(), 0);
  await wellMade(page, 'login-provider');
  const room = new URL(host.meeting_url).pathname;
  await page.goto(address(`/login?redirect_url=${encodeURIComponent(`${room}?name=Ann`)}`));
  // By keyboard alone.
  await page.locator('a:focus', { hasText: 'Continue to sign-in' }).waitFor();
  await page.keyboard.press('Enter');
  await atProvider(page, 'ann');
  assert.equal(page.url(), address(`${room}?name=Ann`));
  const cookies = await page.context().cookies(address('/'));
  assert.deepEqual(cookies.map(({ name, httpOnly, expires }) => [name, httpOnly, expires]), [
    ['convoke', true, -1],
    ['convoke-account', true, -1],
  ]);
  await page.goto(address('/'));
  await page.getByRole('heading', { name: 'Hello, Openly Host' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'Sign in' }).click();
  // The provider knows the browser still.
  await page.getByRole('link', { name: 'Continue to sign-in' }).click();
  await page.getByRole('heading', { name: 'Hello, Openly Host' }).waitFor();
  // Whoever wants to be somebody else is asked there.
  await page.goto(address('/login?redirect_url=/x'));
  await page.getByRole('button', { name: 'Use another account' }).click();
  await page.getByRole('link', { name: 'Continue to sign-in' }).click();
  await page.getByPlaceholder('Enter any login').waitFor();
  await page.context().close();
});

test('whoever says no, or is nobody here, is told so and may try again', async () => {
  const page = await visitor(browser);
  await page.goto(address('/login'));
  await page.getByRole('link', { name: 'Continue to sign-in' }).click();
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByText('The sign-in service did not sign you in.').waitFor();
  await wellMade(page, 'login-provider-denied');
  await page.getByRole('link', { name: 'Try again' }).click();
  await atProvider(page, 'mallory');
  await page.getByText('You were signed in there, but Openly has no account for you here.').waitFor();
  await wellMade(page, 'login-provider-unknown');
  assert.deepEqual(await page.context().cookies(address('/')), []);
  // The provider knows mallory now, and asks all the same.
  await page.getByRole('link', { name: 'Try again' }).click();
  await atProvider(page, 'ann');
  await page.getByRole('heading', { name: 'Hello, Openly Host' }).waitFor();
  await page.context().close();
});

test('an answer that is used again, or was made up, signs nobody in', async () => {
  const page = await visitor(browser);
  const answers = [];
  page.on('request', (request) => request.url().includes('/login/openid/back?') && answers.push(request.url()));
  await page.goto(address('/login/openid'));
  await atProvider(page, 'ann');
  await page.getByRole('heading', { name: 'Hello, Openly Host' }).waitFor();
  assert.equal(answers.length, 1);
  await page.context().clearCookies();
  for (const answer of [answers[0], address('/login/openid/back?code=1&state=2')]) {
    await page.goto(answer);
    await page.getByText('This sign-in was used already, took too long, or began in another window.').waitFor();
  }
  await page.goto(address('/'));
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  await page.context().close();
});

test('a password opens nothing there, and everything at other companies', async () => {
  const page = await visitor(browser);
  await page.goto(address('/login'));
  const status = await page.evaluate(async (email) => {
    const body = JSON.stringify({ email, password: 'SoSecret5!' });
    return (await fetch('/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status;
  }, host.email);
  assert.equal(status, 403);
  const other = await partner.company('Passwords');
  await page.goto(new URL('/login', other.host.meeting_url).href);
  await page.getByLabel('Email').waitFor();
  assert.ok(company.openid_provider);
  await page.context().close();
});
