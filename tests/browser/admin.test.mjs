// The admin pages: API tokens, made and revoked by an administrator, used by a server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { focused, wellMade } from './look.mjs';
import { Partner, launchChromium, startPlatform, visitor } from './platform.mjs';

let platform, browser, partner;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

const authenticate = (token) => partner.raw('authenticate', { api_token: token });

test('an administrator makes a token, a server signs in by it, and it is revoked', async () => {
  const page = await visitor(browser);
  await page.goto(new URL('/admin/tokens', platform.admin_url).href);
  await page.getByLabel('Email').fill(platform.email);
  await page.getByLabel('Password', { exact: true }).fill(platform.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'API tokens' }).waitFor();
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.getByText('Please say what the token is for.').waitFor();
  await page.getByLabel('What is it for?').fill('Billing server');
  await page.getByRole('button', { name: 'Create token' }).click();
  const token = await page.getByLabel('Your new token for “Billing server”').inputValue();
  await wellMade(page, 'tokens-made');
  assert.equal((await authenticate(token)).status, 200);

  await page.reload();
  await page.getByText('Billing server').waitFor();
  assert.ok(!(await page.content()).includes(token), 'it is not shown again');
  await page.getByText('last used on').waitFor();
  const revoke = page.getByRole('button', { name: 'Revoke the token “Billing server”' });
  await revoke.click();
  await page.getByRole('button', { name: 'Keep' }).click();
  await focused(revoke);
  await revoke.click();
  await wellMade(page, 'tokens-revoke');
  await page.getByRole('button', { name: 'Revoke', exact: true }).click();
  await page.getByText('The token “Billing server” is revoked.').waitFor();
  await page.getByText('There are no tokens yet.').waitFor();
  assert.equal((await authenticate(token)).status, 401);
  await page.goto(platform.admin_url);
  await page.getByRole('link', { name: 'API tokens' }).waitFor();
  await wellMade(page, 'home-of-an-administrator');
  await page.context().close();
});

test('the page is for administrators', async () => {
  const { company } = await partner.company();
  const account = { name: 'Ann', email: 'ann@people.test', password: 'An0therSecret!' };
  const host = await partner.call('host/create', { company_id: company.id, ...account });
  const page = await visitor(browser);
  await page.goto(new URL('/login', host.meeting_url).href);
  await page.getByLabel('Email').fill(account.email);
  await page.getByLabel('Password', { exact: true }).fill(account.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Hello, Ann' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'API tokens' }).count(), 0);
  await page.goto(new URL('/admin/tokens', host.meeting_url).href);
  await page.getByText('This page is for administrators').waitFor();
  await page.context().close();
});
