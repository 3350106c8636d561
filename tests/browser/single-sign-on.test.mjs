// A partner's page signs its user in: in this tab, in a new one, and inside a frame whose cookies the browser blocks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { wellMade } from './look.mjs';
import { Partner, escape, launchChromium, partnerPage, partnerSite, startPlatform, until, visitor } from './platform.mjs';
import { inside, press } from './room.mjs';

const LEAVE = 'vivomeetingsLeaveCallEvent';

let platform, browser, partner;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium({ args: ['--test-third-party-cookie-phaseout'] });
  partner = await Partner.signIn(platform);
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

/** A partner's page with a button that posts a sign-in of a host of its own; answers the page and the host. */
async function portal(fields = {}, target = '') {
  let host;
  const site = await partnerSite(async (origin) => {
    ({ host } = await partner.company('Portal', { embed_origins: [origin] }));
    const all = { host_id: host.host_id, login_token_public_key: host.login_token_public_key, ...fields };
    const inputs = Object.entries(all).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`);
    return `<!doctype html><meta charset="utf-8"><title>Portal</title>
      <form method="post" action="${new URL('/auth', host.meeting_url).href}" ${target}>${inputs.join('')}<button>Meet</button></form>`;
  });
  const page = await visitor(browser);
  await page.goto(site.url);
  return { page, host, close: () => page.context().close().then(() => site.close()) };
}

test('in this tab: the form leads into the room as its host, and after the call and the sign-out where the partner said', async () => {
  const thanks = await partnerSite(() => '<!doctype html><title>Thanks</title><h1>Thanks</h1>');
  const bye = await partnerSite(() => '<!doctype html><title>Bye</title><h1>Bye</h1>');
  const { page, host, close } = await portal({ redirect_url: '/', after_call_url: thanks.url, remote_logout_url: bye.url });
  await page.getByRole('button', { name: 'Meet' }).click();
  await page.getByRole('link', { name: 'Start a meeting now' }).click();
  await page.getByRole('button', { name: 'Join now' }).click();
  await inside(page);
  await press(page, 'Leave');
  await page.getByRole('button', { name: 'End for everybody' }).click();
  await page.getByRole('heading', { name: 'Thanks' }).waitFor();
  await page.goto(new URL('/', host.meeting_url).href);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Bye' }).waitFor();
  await close();
  thanks.close();
  bye.close();
});

test('in a new tab, which the partner keeps beside its own page', async () => {
  const { page, host, close } = await portal({ redirect_url: '/page_to_see' }, 'target="_blank"');
  const opening = page.context().waitForEvent('page');
  await page.getByRole('button', { name: 'Meet' }).click();
  const opened = await opening;
  await opened.getByRole('heading', { name: `Hello, ${host.name}` }).waitFor();
  assert.equal(new URL(opened.url()).pathname, '/');
  await close();
});

test('another account that is signed in is asked about first', async () => {
  const { page, host, close } = await portal({ redirect_url: '/' });
  const other = await partner.call('host/create', {
    company_id: host.company_id, name: 'Olga Other', email: `olga${host.host_id}@portal.test`, password: 'SoSecret5!', no_welcome_email: true,
  });
  const portalUrl = page.url();
  await page.goto(new URL('/login', host.meeting_url).href);
  await page.getByLabel('Email').fill(other.email);
  await page.getByLabel('Password', { exact: true }).fill('SoSecret5!');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Hello, Olga Other' }).waitFor();
  // A form of another site carries no Lax cookie over http; one of our own does, as the account's cookie would over https.
  const cookies = await page.context().cookies();
  await page.context().addCookies(cookies.filter(({ name }) => name === 'convoke-account').map((cookie) => ({ ...cookie, secure: true, sameSite: 'None' })));
  await page.goto(portalUrl);
  await page.getByRole('button', { name: 'Meet' }).click();
  await page.getByRole('heading', { name: `Continue as ${host.name}?` }).waitFor();
  await wellMade(page, 'continue');
  await page.getByRole('link', { name: 'Stay signed in' }).click();
  await page.getByRole('heading', { name: 'Hello, Olga Other' }).waitFor();
  await page.goto(portalUrl);
  await page.getByRole('button', { name: 'Meet' }).click();
  await page.getByRole('button', { name: `Continue as ${host.name}` }).click();
  await page.getByRole('heading', { name: `Hello, ${host.name}` }).waitFor();
  await close();
});

test('a wrong token is refused with a page that says so', async () => {
  const { page, close } = await portal({ login_token_public_key: 'wrong' });
  await page.getByRole('button', { name: 'Meet' }).click();
  await page.getByRole('heading', { name: 'Could not sign in' }).waitFor();
  await wellMade(page, 'refused');
  await close();
});

/** A frame of a partner's page at `/auth`, in a browser that blocks its cookies. */
async function framed({ redirect, token, attributes }) {
  let host;
  const site = await partnerPage(async (origin) => {
    ({ host } = await partner.company('Framed', { embed_origins: [origin] }));
    const auth = new URL('/auth', host.meeting_url);
    auth.search = new URLSearchParams({
      host_id: host.host_id,
      login_token_public_key: token ? await token(host) : host.login_token_public_key,
      redirect_url: redirect ?? `${new URL(host.meeting_url).pathname}?name=Hostess&skip_join=true&events=true`,
    });
    return auth.href;
  }, attributes);
  const page = await visitor(browser);
  await page.goto(site.url);
  const frame = await until('the frame', () => page.frames().find((candidate) => candidate !== page.mainFrame() && candidate.url().startsWith('http')));
  return { page, frame, host, posted: () => page.evaluate(() => window.messages), close: () => page.context().close().then(() => site.close()) };
}

async function endsForAll(frame, posted) {
  await press(frame, 'Leave');
  await frame.getByRole('button', { name: 'End for everybody' }).click();
  await until('the leave event', async () => (await posted()).some(({ data }) => data.type === LEAVE && data.reason === 'ended'));
}

test('framed: from the first page into the room, the session goes along without a cookie', async () => {
  const { page, frame, host, posted, close } = await framed({ redirect: '/' });
  await frame.getByRole('heading', { name: `Hello, ${host.name}` }).waitFor();
  assert.ok(!frame.url().includes('handoff'), frame.url());
  // Not even the frame's own cookie is left.
  await page.context().clearCookies();
  await frame.getByRole('link', { name: 'Start a meeting now' }).click();
  await frame.getByRole('button', { name: 'Join now' }).click();
  await inside(frame);
  await endsForAll(frame, posted);
  await close();
});

test('framed by a page that tells nothing of itself, with a ticket', async () => {
  const { frame, posted, close } = await framed({
    attributes: 'referrerpolicy="no-referrer"',
    token: async (host) => (await partner.call('host/sso_ticket', { host_id: host.host_id })).sso_ticket,
  });
  await inside(frame);
  await endsForAll(frame, posted);
  await close();
});

test('framed by a page that tells nothing of itself, without one: refused', async () => {
  const { frame, close } = await framed({ attributes: 'referrerpolicy="no-referrer"' });
  await frame.getByRole('heading', { name: 'Could not sign in' }).waitFor();
  await close();
});
