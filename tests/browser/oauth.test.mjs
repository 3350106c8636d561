// Apps that act for people: registered by an administrator, let in at the page that asks, used by a client library of another make
// (openid-client, as it is published), and shown out again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as client from 'openid-client';
import { wellMade } from './look.mjs';
import { Partner, launchChromium, localFetch, partnerSite, startPlatform, visitor } from './platform.mjs';

let platform, browser, partner, app, page;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
  // Where a program on the person's own machine listens: nothing there but a page.
  app = await partnerSite(async () => '<!doctype html><meta charset="utf-8"><title>Back at the app</title>');
  page = await visitor(browser);
});
after(async () => {
  await browser?.close();
  await platform?.stop();
  app?.close();
});

const at = (path) => new URL(path, platform.admin_url).href;

async function signIn() {
  await page.getByLabel('Email').fill(platform.email);
  await page.getByLabel('Password', { exact: true }).fill(platform.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Registers an app on the page of administrators; answers its id and its secret. */
async function register(name, uri, { open = false } = {}) {
  await page.getByLabel('What is it called?').fill(name);
  await page.getByLabel('Redirect addresses').fill(uri);
  if (open) await page.getByLabel('It runs on people’s own devices').check();
  await page.getByRole('button', { name: 'Register app' }).click();
  const id = await page.getByLabel(`The client id of “${name}”`).inputValue();
  const secret = open ? undefined : await page.getByLabel(`The client secret of “${name}”`).inputValue();
  return { id, secret };
}

/** The library's way to the platform. */
const fetch = (url, { method, headers, body }) =>
  localFetch(url, { method, headers: Object.fromEntries(new Headers(headers)), body: body?.toString() });

/** What the library needs to know, from the company's own metadata. */
const discover = ({ id, secret }) =>
  client.discovery(new URL(platform.admin_url), id, secret, secret ? undefined : client.None(), {
    algorithm: 'oauth2',
    [client.customFetch]: fetch,
    execute: [client.allowInsecureRequests],
  });

/** What an app asks, and what it keeps until the answer. */
async function asking(config, uri, scope) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const parameters = { redirect_uri: uri, scope, state, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' };
  return { address: client.buildAuthorizationUrl(config, parameters).href, checks: { pkceCodeVerifier: verifier, expectedState: state } };
}

const hosts = (config, tokens) =>
  client.fetchProtectedResource(config, tokens.access_token, new URL(at('/enterprise_api/host/fetch_all')), 'POST', '{}', new Headers({ 'content-type': 'application/json' }));

let known;

test('an administrator registers apps, whose secrets are shown once', async () => {
  await page.goto(at('/admin/oauth'));
  await signIn();
  await page.getByRole('heading', { name: 'Apps' }).waitFor();
  await page.getByRole('button', { name: 'Register app' }).click();
  await page.getByText('Please say what the app is called.').waitFor();
  await page.getByLabel('What is it called?').fill('Workflow');
  await page.getByLabel('Redirect addresses').fill(app.url);
  await page.getByRole('button', { name: 'Register app' }).click();
  await page.getByText('Each must be an https address.').waitFor();
  const server = await register('Workflow', 'https://workflow.example/back');
  await wellMade(page, 'oauth-clients-made');
  // A name of one word, as long as names may be: in what is copied, listed, asked and told.
  const long = 'Donaudampfschifffahrtsgesellschaft'.repeat(3).slice(0, 100);
  await register(long, 'https://long.example/back');
  await wellMade(page, 'oauth-clients-long');
  await page.getByRole('button', { name: `Delete the app “${long}”` }).click();
  await wellMade(page, 'oauth-clients-long-sure');
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText(`The app “${long}” is deleted.`).waitFor();
  await wellMade(page, 'oauth-clients-long-told');
  known = await register('Desktop', app.url, { open: true });
  await page.reload();
  await page.getByText(server.id).waitFor();
  assert.ok(!(await page.content()).includes(server.secret), 'it is not shown again');
  await page.getByRole('button', { name: 'Make a new secret for “Workflow”' }).click();
  await wellMade(page, 'oauth-clients-rotate');
  await page.getByRole('button', { name: 'New secret', exact: true }).click();
  assert.notEqual(await page.getByLabel('The client secret of “Workflow”').inputValue(), server.secret);
  await page.getByRole('button', { name: 'Delete the app “Workflow”' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('The app “Workflow” is deleted.').waitFor();
});

test('a person signs in, lets an app in, and shows it out', async () => {
  const config = await discover(known);
  await page.context().clearCookies();
  const { address, checks } = await asking(config, app.url, 'read write');
  await page.goto(address);
  await signIn();
  await page.getByRole('heading', { name: 'Let “Desktop” in?' }).waitFor();
  await page.getByText('Plan, change and end meetings').waitFor();
  await wellMade(page, 'oauth-consent');
  await page.getByRole('button', { name: 'Let in', exact: true }).click();
  await page.waitForURL((url) => url.href.startsWith(app.url));
  const tokens = await client.authorizationCodeGrant(config, new URL(page.url()), checks);
  assert.equal(tokens.scope, 'read write');
  assert.equal((await hosts(config, tokens)).status, 200);
  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  await assert.rejects(client.authorizationCodeGrant(config, new URL(page.url()), checks), { error: 'invalid_grant' });
  await assert.rejects(hosts(config, next), (error) => error.status === 401 || error.cause?.status === 401, 'a code that came twice ends what came of it');

  const again = await asking(config, app.url, 'read');
  await page.goto(again.address);
  await page.getByRole('heading', { name: 'Let “Desktop” in?' }).waitFor();
  assert.equal(await page.getByText('Plan, change and end meetings').count(), 0);
  await page.getByRole('button', { name: 'Let in', exact: true }).click();
  await page.waitForURL((url) => url.href.startsWith(app.url));
  const reading = await client.authorizationCodeGrant(config, new URL(page.url()), again.checks);
  assert.equal((await hosts(config, reading)).status, 200);
  await page.goto(at('/account/apps'));
  await page.getByText('Desktop').waitFor();
  await wellMade(page, 'oauth-apps');
  await page.getByRole('button', { name: 'Revoke the access of “Desktop”' }).click();
  await page.getByRole('button', { name: 'Revoke', exact: true }).click();
  await page.getByText('“Desktop” does not act for you any more.').waitFor();
  await page.getByText('No app acts for you.').waitFor();
  await assert.rejects(client.refreshTokenGrant(config, reading.refresh_token), { error: 'invalid_grant' });
});

test('a person does not let an app in', async () => {
  const config = await discover(known);
  const { address, checks } = await asking(config, app.url, 'read');
  await page.goto(address);
  await page.getByRole('button', { name: 'Do not let in' }).click();
  await page.waitForURL((url) => url.href.startsWith(app.url));
  await assert.rejects(client.authorizationCodeGrant(config, new URL(page.url()), checks), { error: 'access_denied' });
  const elsewhere = new URL(address);
  elsewhere.searchParams.set('redirect_uri', 'https://evil.example/');
  await page.goto(elsewhere.href);
  await page.getByText('The app wants you to go back to an address that is not its own').waitFor();
  await wellMade(page, 'oauth-refused');
});
