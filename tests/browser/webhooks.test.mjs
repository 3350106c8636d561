// What docs/partners/webhooks.md tells partners to paste says yes to what the platform sends, and no to anything else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Partner, startPlatform } from './platform.mjs';

const run = promisify(execFile);
const page = await readFile(new URL('../../docs/partners/webhooks.md', import.meta.url), 'utf8');
const block = (language) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(page)[1];

let platform, partner, company, server, folder, secret;
const received = [];

/** Waits for a delivery of this event. */
async function delivery(event) {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = received.find(({ body }) => JSON.parse(body).event === event);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no ${event} has come`);
}

before(async () => {
  platform = await startPlatform();
  folder = await mkdtemp(join(tmpdir(), 'convoke-webhooks-'));
  server = createServer(async (incoming, answer) => {
    const parts = [];
    for await (const part of incoming) parts.push(part);
    received.push({ path: incoming.url, signature: incoming.headers['x-convoke-signature'], body: Buffer.concat(parts) });
    answer.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  partner = await Partner.signIn(platform);
  company = await partner.call('company/create', { subdomain: 'hooked', name: 'Hooked' });
  const made = await partner.call('webhook/create', { company_id: company.id, url: `http://127.0.0.1:${server.address().port}/hook` });
  secret = made.secret;
  await partner.call('host/create', { company_id: company.id, name: 'Ann', email: 'ann@hooked.test', no_welcome_email: true });
  await delivery('host_created');
});
after(async () => {
  server?.close();
  await platform?.stop();
  if (folder) await rm(folder, { recursive: true });
});

/** Signatures with whether they are good for the body that came. */
async function cases() {
  const { signature, body } = await delivery('host_created');
  const wrong = signature.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  const old = signature.replace(/t=\d+/, 't=1000000000');
  return [
    [signature, body, true],
    [wrong, body, false],
    [old, body, false],
    ['', body, false],
    [signature, Buffer.concat([body, Buffer.from(' ')]), false],
  ];
}

test('curl', async () => {
  const path = '/pasted';
  const local = `http://127.0.0.1:${server.address().port}${path}`;
  const asked = block('sh').replace('https://hooks.partner.example/convoke', local);
  assert.ok(asked.includes(local));
  const environment = {
    ...process.env,
    CONVOKE_API: new URL('/enterprise_api', platform.admin_url).href,
    TOKEN: partner.token,
    COMPANY: String(company.id),
  };
  const { stdout } = await run('bash', ['-c', asked], { env: environment });
  const made = JSON.parse(stdout);
  assert.equal(made.url, local);
  assert.match(made.secret, /^[0-9a-f]{64}$/);
  const kept = await partner.call('webhook/fetch_all', { company_id: company.id });
  assert.deepEqual(kept.find(({ webhook_id: id }) => id === made.webhook_id).events, made.events);
  assert.ok(received.some((one) => one.path === path && JSON.parse(one.body).event === 'ping'));
});

test('TypeScript', async () => {
  const typescript = createRequire(new URL('../../web/package.json', import.meta.url))('typescript');
  const { outputText, diagnostics } = typescript.transpileModule(block('ts'), {
    reportDiagnostics: true,
    compilerOptions: { target: 'es2022', module: 'esnext' },
  });
  assert.deepEqual(diagnostics, []);
  const file = join(folder, 'verify.mjs');
  await writeFile(file, outputText);
  const { isFromConvoke } = await import(file);
  for (const [signature, body, good] of await cases()) assert.equal(isFromConvoke(secret, signature, body), good, signature);
});

test('Python', async () => {
  const all = (await cases()).map(([signature, body, good]) => [signature, body.toString('hex'), good]);
  const ask = `
import json, sys
secret, cases = json.loads(sys.argv[1])
for signature, body, good in cases:
    assert is_from_convoke(secret, signature, bytes.fromhex(body)) is good, signature
`;
  await run('python3', ['-c', block('python') + ask, JSON.stringify([secret, all])]);
});
