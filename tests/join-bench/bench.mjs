// How long it takes until people see each other: one page stays in a room, another joins it again and again, with real
// Chromium, livekit-client and its fake camera and microphone. Servers and modes take turns.
//
//   node bench.mjs --relay PROGRAM [--livekit PROGRAM] --folder DIR [--joins 20] [--rounds 4] [--commit ID]
//
// Prints a table and, last, one line of JSON.
import { execSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { startLivekit, startOurs, token } from './servers.mjs';

const { values: options } = parseArgs({
  options: {
    relay: { type: 'string' },
    livekit: { type: 'string' },
    folder: { type: 'string' },
    joins: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '4' },
    commit: { type: 'string', default: 'unknown' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});
const joins = Number(options.joins);
const rounds = Number(options.rounds);
const timeoutMs = 15_000;

const modes = [
  { name: 'two connections', onePeerConnection: false },
  { name: 'one connection', onePeerConnection: true },
];
// Name, how a join shows it, and the share of the peer's p50 that is aimed at.
const figures = [
  { name: 'connected', of: (run) => run.times.connected, target: null },
  { name: 'first frame', of: (run) => run.times.firstFrame, target: 0.7 },
  { name: 'published', of: (run) => run.times.published, target: null },
  { name: 'newcomer seen', of: (run) => run.seen, target: 0.5 },
];

const files = await servePage();
const browser = await chromium.launch({
  executablePath: options.chromium,
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  ],
});
const servers = [];
try {
  if (options.relay) servers.push({ side: 'ours', ...(await startOurs(options.relay, options.folder)) });
  if (options.livekit) servers.push({ side: 'peer', ...(await startLivekit(options.livekit, options.folder)) });
  await bench();
} finally {
  await browser.close();
  files.close();
  for (const server of servers) server.stop();
}

async function bench() {
  const machine = `${cpus().length} x ${cpus()[0].model}, ${Math.ceil(totalmem() / 2 ** 30)} GiB, Linux ${release()}, ` +
    `load average ${loadavg()[0].toFixed(1)} at start`;
  const version = execSync(`${options.chromium} --version`).toString().trim();
  console.log(`machine: ${machine}\nbrowser: ${version}\ncommit:  ${options.commit}\n`);
  const rows = [];
  for (const mode of modes) {
    const runs = { ours: [], peer: [] };
    const failed = { ours: 0, peer: 0 };
    for (let round = 0; round < rounds; round += 1) {
      const turns = round % 2 ? [...servers].reverse() : servers;
      for (const server of turns) {
        const { done, lost } = await block(server, mode);
        runs[server.side].push(done);
        failed[server.side] += lost;
        const p50 = figures.map(({ name, of }) => `${name} ${shown(percentile(done.map(of), 0.5))}`);
        console.log(`${mode.name}, ${server.name}, run ${round + 1}: ${p50.join(', ')} ms, ${lost} failed`);
      }
    }
    rows.push(...summary(mode, runs, failed));
  }
  console.log();
  console.log('figure'.padEnd(40), ...['ours', 'peer', 'ratio', 'target'].map((head) => head.padStart(8)));
  for (const row of rows) {
    const cells = [row.ours, row.peer, row.ratio, row.target].map((cell) => String(cell ?? '-').padStart(8));
    console.log(row.name.padEnd(40), ...cells);
  }
  const peer = servers.find((server) => server.side === 'peer')?.name ?? null;
  console.log(JSON.stringify({ bench: 'join', machine, browser: version, commit: options.commit, peer, rows }));
}

// One page stays, the other joins and leaves.
async function block(server, mode) {
  const room = `join-${randomUUID().slice(0, 8)}`;
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  const enter = async (identity, other) => {
    const page = await context.newPage();
    await page.goto(files.url);
    const settings = {
      url: server.url, token: token(room, identity), onePeerConnection: mode.onePeerConnection, other, timeoutMs,
    };
    return { page, join: () => page.evaluate((settings) => window.join(settings), settings) };
  };
  const done = [];
  let lost = 0;
  try {
    const resident = await enter('resident');
    await resident.join();
    for (let number = 0; number < joins; number += 1) {
      const identity = `newcomer-${number}`;
      const newcomer = await enter(identity, 'resident');
      try {
        const [run, seen] = await Promise.all([
          newcomer.join(),
          resident.page.evaluate(([who, limit]) => window.firstFrame(who, limit), [identity, timeoutMs]),
        ]);
        done.push({ times: run.times, seen: seen - run.startedAt });
      } catch (error) {
        lost += 1;
        console.log(`${mode.name}, ${server.name}: ${error.message.split('\n')[0]}`);
      }
      await newcomer.page.evaluate(() => window.leave()).catch(() => {});
      await newcomer.page.close();
    }
  } finally {
    await context.close();
  }
  return { done, lost };
}

// p50 and p95 over all joins of a side; the ratio compares medians of the runs' p50.
function summary(mode, runs, failed) {
  const rows = figures.flatMap(({ name, of, target }) => {
    const all = (side, share) => percentile(runs[side].flat().map(of), share);
    const middle = (side) => percentile(runs[side].map((run) => percentile(run.map(of), 0.5)).filter(Number.isFinite), 0.5);
    return [[0.5, 'p50', target], [0.95, 'p95', null]].map(([share, label, aim]) => {
      const [ours, peer] = share === 0.5 ? [middle('ours'), middle('peer')] : [all('ours', share), all('peer', share)];
      const ratio = ours / peer;
      return {
        name: `${mode.name}: ${name} ${label}`, unit: 'ms', ours: rounded(ours), peer: rounded(peer),
        ratio: Number.isFinite(ratio) ? Math.round(ratio * 100) / 100 : null, target: aim,
        met: aim !== null && Number.isFinite(ratio) ? ratio <= aim : null,
      };
    });
  });
  rows.push({
    name: `${mode.name}: failed joins`, unit: 'joins', ours: failed.ours, peer: failed.peer, ratio: null, target: 0,
    met: failed.ours === 0,
  });
  return rows;
}

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] : NaN;
}

function rounded(value) {
  return Number.isFinite(value) ? Math.round(value) : null;
}

function shown(value) {
  return Number.isFinite(value) ? value.toFixed(0) : '-';
}

async function servePage() {
  const here = dirname(fileURLToPath(import.meta.url));
  const sdk = createRequire(import.meta.url).resolve('livekit-client').replace(/[^/]*$/, 'livekit-client.umd.js');
  const contents = {
    '/': ['text/html', readFileSync(join(here, 'page.html'))],
    '/page.js': ['text/javascript', readFileSync(join(here, 'page.js'))],
    '/livekit-client.umd.js': ['text/javascript', readFileSync(sdk)],
  };
  const server = createServer((request, response) => {
    const [type, body] = contents[request.url] ?? [];
    if (!body) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': type }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
