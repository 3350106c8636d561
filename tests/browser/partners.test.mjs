// What docs/partners/getting-started.md tells partners to paste is run as it stands, and its meetings open.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { launchChromium, startPlatform, visitor } from './platform.mjs';

const run = promisify(execFile);
const page = await readFile(new URL('../../docs/partners/getting-started.md', import.meta.url), 'utf8');
const blocks = (language) => [...page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, code]) => code);

let platform, browser, door, environment, folder;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  folder = await mkdtemp(join(tmpdir(), 'convoke-partner-'));
  // Programs do not resolve *.localhost as browsers do: a door at the loopback address leads to the tenant's name.
  const { port, host } = new URL(platform.admin_url);
  door = createServer((incoming, answer) => {
    const onward = request({ host: '127.0.0.1', port, path: incoming.url, method: incoming.method, headers: { ...incoming.headers, host } }, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
    });
    incoming.pipe(onward);
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  environment = {
    ...process.env,
    CONVOKE_API: `http://127.0.0.1:${door.address().port}/enterprise_api`,
    CONVOKE_EMAIL: platform.email,
    CONVOKE_PASSWORD: platform.password,
  };
});
after(async () => {
  await browser?.close();
  door?.close();
  await platform?.stop();
  if (folder) await rm(folder, { recursive: true });
});

/** Runs a program, and opens the room that it prints last. */
async function opens(command, ...parameters) {
  const { stdout } = await run(command, parameters, { env: environment });
  const url = stdout.trim().split('\n').pop();
  const visit = await visitor(browser);
  const response = await visit.goto(url);
  assert.equal(response.status(), 200, url);
  await visit.context().close();
}

test('the settings are those that the platform prints', () => {
  const [settings] = blocks('sh');
  for (const value of [platform.email, platform.password]) assert.ok(settings.includes(value), value);
});

test('curl', () => opens('bash', '-c', blocks('sh')[1]));

test('TypeScript', async () => {
  const typescript = createRequire(new URL('../../web/package.json', import.meta.url))('typescript');
  const { outputText, diagnostics } = typescript.transpileModule(blocks('ts')[0], {
    reportDiagnostics: true,
    compilerOptions: { target: 'es2022', module: 'esnext' },
  });
  assert.deepEqual(diagnostics, []);
  const file = join(folder, 'meeting.mjs');
  await writeFile(file, outputText);
  await opens(process.execPath, file);
});

test('Python', () => opens('python3', '-c', blocks('python')[0]));
