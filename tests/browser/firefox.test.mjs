// The same doors in Firefox, which tells framed pages less than Chromium does, and here blocks all cookies of other sites. Up to the join: Firefox
// carries no media over the loopback address, on which the relay of these tests listens.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { Partner, escape, partnerPage, partnerSite, startPlatform, until } from './platform.mjs';

let platform, browser, partner;

before(async () => {
  platform = await startPlatform();
  partner = await Partner.signIn(platform);
  browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: {
      'network.cookie.cookieBehavior': 1,
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.gmp-manager.updateEnabled': false,
    },
  });
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

/** A window of its own, without cookies of others. */
async function visitor() {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  return page;
}

const button = (frame, name) => frame.locator(`::-p-aria([name="${name}"][role="button"])`);
const link = (frame, name) => frame.locator(`::-p-aria([name="${name}"][role="link"])`);
const heading = (frame, name) => frame.waitForSelector(`::-p-aria([name="${name}"][role="heading"])`);

function auth(host, fields) {
  const url = new URL('/auth', host.meeting_url);
  url.search = new URLSearchParams({ host_id: host.host_id, login_token_public_key: host.login_token_public_key, ...fields });
  return url.href;
}

const admissions = new WeakMap();

/** Keeps what `/conf/join` answers to this page's frames. */
function keepAnswers(page) {
  page.on('response', (response) => {
    if (new URL(response.url()).pathname === '/conf/join' && response.ok()) admissions.set(page, response.json());
  });
}

async function joined(page) {
  await until('a join', () => admissions.has(page));
  return admissions.get(page);
}

async function framed(fields) {
  let host;
  const site = await partnerPage(async (origin) => {
    ({ host } = await partner.company('Fox', { embed_origins: [origin] }));
    return auth(host, fields(host));
  });
  const page = await visitor();
  keepAnswers(page);
  await page.goto(site.url);
  const frame = await until('the frame', () => page.frames().find((candidate) => candidate !== page.mainFrame() && candidate.url().startsWith('http')));
  return { page, frame, host, posted: () => page.evaluate(() => window.messages), close: () => page.browserContext().close().then(() => site.close()) };
}

test('by password: to the own meeting, and out again', async () => {
  const { host } = await partner.company('Foxpass');
  const page = await visitor();
  await page.goto(new URL('/login', host.meeting_url).href);
  await page.locator('input[name="email"]').fill(host.email);
  await page.locator('input[name="password"]').fill('SoSecret5!');
  await page.keyboard.press('Enter');
  await heading(page, `Hello, ${host.name}`);
  await button(page, 'Sign out').click();
  await link(page, 'Sign in').wait();
  await page.browserContext().close();
});

test('by the link of a new account, which sets its password once', async () => {
  const { host } = await partner.company('Foxnew');
  const made = await partner.call('host/create', {
    company_id: host.company_id, name: 'Nora New', email: `nora@${new URL(host.meeting_url).hostname}`, no_welcome_email: true,
  });
  const page = await visitor();
  await page.goto(made.password_creation_link);
  await page.locator('input[name="password"]').fill('short');
  await page.keyboard.press('Enter');
  await page.waitForSelector('::-p-text(A password has at least 8 characters.)');
  await page.locator('input[name="password"]').fill('long enough now');
  await page.keyboard.press('Enter');
  await heading(page, 'Hello, Nora New');
  await page.goto(made.password_creation_link);
  await page.waitForSelector('::-p-text(This link is no longer valid)');
  await page.browserContext().close();
  assert.ok((await partner.call('authenticate', { email: made.email, password: 'long enough now' })).auth_token);
});

/** A page of the partner with a form that signs a host of its own in, shown in a window of its own. */
async function portal(fields, target = '') {
  let host;
  const site = await partnerSite(async (origin) => {
    ({ host } = await partner.company('Foxform', { embed_origins: [origin] }));
    const all = { host_id: host.host_id, login_token_public_key: host.login_token_public_key, ...fields };
    const inputs = Object.entries(all).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`);
    const action = new URL('/auth', host.meeting_url).href;
    return `<!doctype html><meta charset="utf-8"><form method="post" action="${action}" ${target}>${inputs.join('')}<button>Meet</button></form>`;
  });
  const page = await visitor();
  await page.goto(site.url);
  return { page, host, close: () => page.browserContext().close().then(() => site.close()) };
}

test('in this tab, by a form of the partner, and out to where the partner said', async () => {
  const bye = await partnerSite(() => '<!doctype html><title>Bye</title><h1>Bye</h1>');
  const { page, host, close } = await portal({ redirect_url: '/', remote_logout_url: bye.url });
  await button(page, 'Meet').click();
  await heading(page, `Hello, ${host.name}`);
  await button(page, 'Sign out').click();
  await heading(page, 'Bye');
  assert.equal(page.url(), bye.url);
  await page.goto(new URL('/', host.meeting_url).href);
  await link(page, 'Sign in').wait();
  await close();
  bye.close();
});

test('in a new tab, which the partner keeps beside its own page', async () => {
  const { page, host, close } = await portal({ redirect_url: '/page_to_see' }, 'target="_blank"');
  const own = page.url();
  await button(page, 'Meet').click();
  const opened = await until('a new tab', async () => (await page.browserContext().pages()).find((other) => other !== page));
  await heading(opened, `Hello, ${host.name}`);
  assert.equal(new URL(opened.url()).pathname, '/');
  assert.equal(page.url(), own);
  await close();
});

test('framed, all its cookies blocked: the host leads the meeting, and the frame tells its parent alone', async () => {
  const { page, host, posted, close } = await framed(
    (own) => ({ redirect_url: `${new URL(own.meeting_url).pathname}?name=Hostess&skip_join=true&events=true` }),
  );
  await until('READY', async () => (await posted()).some(({ data }) => data.type === 'room' && data.event === 'READY'));
  const admission = await joined(page);
  assert.deepEqual([admission.role, admission.name], ['moderator', 'Hostess']);
  const own = new URL(host.meeting_url).origin;
  assert.ok((await posted()).every(({ origin }) => origin === own));
  assert.deepEqual(await page.browserContext().cookies(), []);
  await close();
});

test('framed, from the first page into the room', async () => {
  const { page, frame, host, close } = await framed(() => ({ redirect_url: '/' }));
  await heading(frame, `Hello, ${host.name}`);
  await link(frame, 'Start a meeting now').click();
  const room = () => page.frames().find((candidate) => candidate.url().includes('/conf/call/'));
  await until('the room', room);
  // A locator's own click never comes to pass on this button.
  await (await room().waitForSelector('button[type="submit"]')).evaluate((submit) => submit.click());
  const admission = await joined(page);
  assert.deepEqual([admission.role, admission.name], ['moderator', host.name]);
  await close();
});
