// The platform under test, the partner that uses it, and the browsers of its participants.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { keepConnections, keepConsole, keepLine } from './witness.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const profile = process.env.CONVOKE_PROFILE ?? 'debug';

/** The binary of this name, as cargo built it. */
export const binary = (name) => join(target, profile, name);

/**
 * Starts `convoke run` on free ports with a data folder of its own (or the one given).
 * Answers what it printed about itself: `{url, admin, email, password, reseller_domain, relay}`.
 */
export async function startPlatform({ data, port = 0 } = {}) {
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'convoke-test-')));
  const args = ['run', '--port', String(port), '--rates', '100000', '--data', folder, '--web', process.env.CONVOKE_WEB ?? join(root, 'web/dist'), '--json'];
  const child = spawn(binary('convoke'), args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', RUST_LOG: process.env.RUST_LOG ?? 'warn,rtc_dtls=error,relay=info,relay_core=info' },
  });
  const lines = createInterface({ input: child.stdout });
  // What matters is seen at once, the rest when a test fails.
  createInterface({ input: child.stderr }).on('line', (line) => {
    keepLine(line);
    if (process.env.RUST_LOG || !/ INFO /.test(line)) console.error(line);
  });
  const first = await Promise.race([
    once(lines, 'line').then(([line]) => JSON.parse(line)),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`convoke ended with ${code}`))),
  ]);
  return {
    ...first,
    data: folder,
    /** Ends it as Ctrl-C does, or by `SIGKILL`. */
    async stop(signal = 'SIGINT', { keep = false } = {}) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal);
        await once(child, 'exit');
      }
      if (!keep) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A partner: signed in to the API, as its server would be. */
export class Partner {
  static async signIn(platform) {
    const partner = new Partner();
    partner.base = platform.admin_url;
    const { auth_token: token } = await partner.call('authenticate', { email: platform.email, password: platform.password });
    partner.token = token;
    return partner;
  }

  async call(method, body) {
    const response = await this.raw(method, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  raw(method, body) {
    const url = new URL(`/enterprise_api/${method}`, this.base);
    // Node does not resolve *.localhost: connect to the loopback address and name the tenant in Host.
    return localFetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth_token: this.token, ...body }) });
  }

  /** A company with one host of its own. */
  async company(name = 'Acme', fields = {}) {
    const subdomain = `${name.toLowerCase()}-${unique()}`;
    const company = await this.call('company/create', { subdomain, name, ...fields });
    const host = await this.call('host/create', {
      company_id: company.id, name: `${name} Host`, email: `host@${subdomain}.test`, password: 'SoSecret5!', no_welcome_email: true,
    });
    return { company, host };
  }
}

let counter = 0;
const unique = () => `${process.pid.toString(36)}${(counter += 1)}`;

export async function localFetch(address, { method, headers, body }) {
  const url = new URL(address);
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: url.port, path: url.pathname + url.search, method, headers: { ...headers, host: url.host } }, async (incoming) => {
      const chunks = [];
      for await (const chunk of incoming) chunks.push(chunk);
      resolve(new Response(Buffer.concat(chunks), { status: incoming.statusCode, headers: Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])) }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/**
 * For a file of tests: the platform, a browser, a partner with a company and its host, for as long as the tests run. What it answers has
 * `platform`, `browser`, `partner` and `host` once they do, and `newMeeting`.
 */
export function meetings() {
  const all = {
    newMeeting: (fields = {}) =>
      all.partner.call('conference/create/reservationless', { host_id: all.host.host_id, one_time_access_code: true, ...fields }),
  };
  before(async () => {
    all.platform = await startPlatform();
    all.browser = await launchChromium();
    all.partner = await Partner.signIn(all.platform);
    all.host = (await all.partner.company()).host;
  });
  after(async () => {
    await all.browser?.close();
    await all.platform?.stop();
  });
  return all;
}

/** A partner's own page on another site (`http://127.0.0.1:PORT`). `html` is made of the partner's origin, which it may have to name. */
export async function partnerSite(html) {
  let page;
  const server = createServer((_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A test that fails half-way must not keep the process.
  server.unref();
  const origin = `http://127.0.0.1:${server.address().port}`;
  page = await html(origin);
  return { url: `${origin}/`, close: () => server.close() };
}

/**
 * A partner's own page that frames one of ours and keeps what it posts. `src` may be a function of the partner's origin; `attributes`
 * are the frame's own.
 */
export function partnerPage(src, attributes = '') {
  return partnerSite(async (origin) => {
    const framed = typeof src === 'function' ? await src(origin) : src;
    return `<!doctype html><meta charset="utf-8"><title>Partner</title><style>body,iframe{margin:0;border:0;width:100vw;height:100vh}</style>
<script>window.messages=[];addEventListener('message',(event)=>messages.push({origin:event.origin,data:event.data}))</script>
<iframe allow="camera; microphone; fullscreen; display-capture; autoplay" ${attributes} src="${escape(framed)}"></iframe>`;
  });
}

/** Text for HTML. */
export const escape = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** Chromium with a fake camera and microphone; nothing outside this machine resolves. */
export function launchChromium({ args = [], executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium' } = {}) {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
      '--auto-select-desktop-capture-source=Entire screen', '--autoplay-policy=no-user-gesture-required', ...args,
    ],
  });
}

/** A fresh visitor with camera and microphone allowed. */
export async function visitor(browser, options = {}) {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport: { width: 960, height: 600 }, ...options });
  await keepConnections(context);
  const page = await context.newPage();
  keepConsole(page);
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => console.error(`page error: ${error.message}`));
  if (process.env.VERBOSE) page.on('console', (message) => console.error(`console: ${message.text()}`));
  return page;
}

/** Polls `probe` until it answers something truthy; its last answer is in the error. */
export async function until(what, probe, timeoutMs = 20_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
