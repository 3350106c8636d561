// Hosts sign in at their company's own pages: by password, by the link of a new account, and out again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { focused, wellMade } from './look.mjs';
import { Partner, launchChromium, startPlatform, until, visitor } from './platform.mjs';
import { inside } from './room.mjs';

let platform, browser, partner, host;
const PASSWORD = 'SoSecret5!';

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
  ({ host } = await partner.company('Signing'));
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

const address = (path) => new URL(path, host.meeting_url).href;

async function signIn(page, path = '/login') {
  await page.goto(address(path));
  await page.getByLabel('Email').fill(host.email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname !== '/login');
}

test('a wrong password is said, the right one leads to the own meeting, and out again', async () => {
  const page = await visitor(browser);
  await page.goto(address('/'));
  await wellMade(page, 'home');
  await page.getByRole('link', { name: 'Sign in' }).click();
  await wellMade(page, 'login');
  // By keyboard alone.
  await page.keyboard.press('Enter');
  await page.getByText('Enter your email address.').waitFor();
  await page.keyboard.type(host.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type('wrong password');
  await page.keyboard.press('Enter');
  await page.getByText('The email or the password is not right. Please try again.').waitFor();
  await wellMade(page, 'login-wrong');
  await page.getByRole('button', { name: 'Show password' }).click();
  assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), 'wrong password');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Hello, Signing Host' }).waitFor();
  await wellMade(page, 'home-own');
  assert.equal(await page.getByLabel('Your meeting link').inputValue(), host.meeting_url);

  await page.context().grantPermissions(['clipboard-read', 'clipboard-write', 'camera', 'microphone']);
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), host.meeting_url);

  await page.getByRole('link', { name: 'Start a meeting now' }).click();
  await page.getByRole('button', { name: 'Join now' }).waitFor();
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Signing Host');
  await page.getByRole('button', { name: 'Join now' }).click();
  await inside(page);
  await page.goto(address('/'));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  await page.reload();
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  await page.context().close();
});

test('a session that is not to be remembered is a cookie without an end', async () => {
  const page = await visitor(browser);
  await page.goto(address('/login'));
  await page.getByLabel('Stay signed in on this device').uncheck();
  await page.getByLabel('Email').fill(host.email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Hello, Signing Host' }).waitFor();
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map(({ name, httpOnly, sameSite, expires }) => [name, httpOnly, sameSite, expires]), [
    ['convoke', true, 'Lax', -1],
    ['convoke-account', true, 'Lax', -1],
  ]);
  await page.context().close();
});

test('whoever is signed in may go on, or use another account', async () => {
  const page = await visitor(browser);
  await signIn(page);
  await page.goto(address(`/login?redirect_url=${encodeURIComponent(new URL(host.meeting_url).pathname)}`));
  await page.getByText(`as Signing Host, ${host.email}.`).waitFor();
  await wellMade(page, 'login-known');
  await page.getByRole('button', { name: 'Use another account' }).click();
  await page.getByLabel('Email').waitFor();
  await page.reload();
  await page.getByRole('link', { name: 'Continue as Signing Host' }).click();
  await page.getByRole('button', { name: 'Join now' }).waitFor();
  await page.context().close();
});

test('the link of a new account sets its password, once', async () => {
  const made = await partner.call('host/create', {
    company_id: host.company_id, name: 'Nora New', email: `nora@${new URL(host.meeting_url).hostname}`, no_welcome_email: true,
  });
  const page = await visitor(browser);
  await page.goto(made.password_creation_link);
  await page.getByText('For Nora New').waitFor();
  await wellMade(page, 'password');
  await page.keyboard.type('short');
  await page.keyboard.press('Enter');
  await page.getByText('A password has at least 8 characters.').waitFor();
  await page.keyboard.type(' but long enough now');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Hello, Nora New' }).waitFor();
  await page.goto(made.password_creation_link);
  await page.getByText('This link is no longer valid').waitFor();
  await wellMade(page, 'password-gone');
  const signed = await partner.call('authenticate', { email: made.email, password: 'short but long enough now' });
  assert.ok(signed.auth_token);
  await page.context().close();
});

test('too many failures are said with how long to wait', async () => {
  const other = await partner.company('Locked');
  const page = await visitor(browser);
  await page.goto(new URL('/login', other.host.meeting_url).href);
  await page.getByLabel('Email').fill(other.host.email);
  for (let tries = 0; tries < 5; tries += 1) {
    await page.getByLabel('Password', { exact: true }).fill('wrong password');
    await page.keyboard.press('Enter');
    await until('an answer', async () => (await page.getByRole('button', { name: 'Sign in' }).getAttribute('aria-disabled')) === 'false');
  }
  await page.keyboard.press('Enter');
  await page.getByText(/Too many attempts\. Try again in 1[45]:\d\d\./).waitFor();
  await page.context().close();
});

test('a forgotten password is set anew by a link that comes by mail', async () => {
  const page = await visitor(browser);
  await page.goto(address('/login'));
  await page.getByLabel('Email').fill(host.email);
  await page.getByRole('button', { name: 'Forgot your password?' }).click();
  await page.getByRole('button', { name: 'Back to sign in' }).click();
  await focused(page.getByLabel('Email'));
  await page.getByRole('button', { name: 'Forgot your password?' }).click();
  assert.equal(await page.getByLabel('Email').inputValue(), host.email);
  await wellMade(page, 'forgotten');
  await page.getByLabel('Email').fill('');
  await page.keyboard.press('Enter');
  await page.getByText('Enter your email address.').waitFor();
  await page.keyboard.type(host.email);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Look into your mailbox' }).waitFor();
  await wellMade(page, 'forgotten-sent');
  const mail = await until('the mail', async () => {
    const mails = await (await fetch(`${platform.inbox_url}/mails`)).json();
    return mails.find((one) => one.to.address === host.email && one.subject.startsWith('Set a new password'));
  });
  await page.goto(mail.text.match(/https?:\/\/\S+\/password\/\w+/)[0]);
  await page.getByText('For Signing Host').waitFor();
  await page.keyboard.type('Another5ecret!');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Hello, Signing Host' }).waitFor();
  // Who asks for an address that nobody has is told the same.
  const stranger = await visitor(browser);
  await stranger.goto(address('/login'));
  await stranger.getByRole('button', { name: 'Forgot your password?' }).click();
  await stranger.getByLabel('Email').fill('nobody@nowhere.test');
  await stranger.keyboard.press('Enter');
  await stranger.getByText('If there is an account for nobody@nowhere.test').waitFor();
  await stranger.context().close();
  await page.context().close();
});
