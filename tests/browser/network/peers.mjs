// The rows on our relay and, with LIVEKIT_SERVER, on LiveKit's server, in turn, CONVOKE_RUNS times, each run with losses of its own.
// Prints a table of medians and, last, one line of JSON. Fails where ours misses a figure or is behind.
import { Meeting } from './meeting.mjs';
import { chosen, isBehind, isMet } from './rows.mjs';
import { livekit, ours } from './servers.mjs';

const servers = { ours, ...(process.env.LIVEKIT_SERVER ? { peer: livekit } : {}) };
const runs = Number(process.env.CONVOKE_RUNS ?? 1);
if (!Number.isInteger(runs) || runs % 2 === 0) throw new Error('CONVOKE_RUNS must be odd');
const table = [];
let net = 0;

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
// Figure by figure; what must not happen at all is to happen in no run.
const medians = (results) => results[0].map((figure, index) => {
  const values = results.map((figures) => figures[index].value);
  return { ...figure, value: figure.limit === 0 ? Math.max(...values) : median(values) };
});

for (const row of chosen(() => true)) {
  const results = Object.fromEntries(Object.keys(servers).map((side) => [side, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const [side, start] of Object.entries(servers)) {
      net += 1;
      const meeting = await Meeting.open(`87.${net}`, start, { seed: 7 + run, camera: row.camera, ...row.link });
      try {
        const result = await row.run(meeting);
        results[side].push(result.figures);
        console.error(`${row.name}, ${side}: ${JSON.stringify(result)}`);
      } finally {
        await meeting.close();
      }
    }
  }
  const peers = servers.peer && medians(results.peer);
  medians(results.ours).forEach((figure, index) => {
    const peer = peers?.[index];
    const { name, unit, value, limit, atLeast } = figure;
    table.push({
      name: `${row.name}: ${name}`, unit, ours: value, peer: peer?.value ?? null, target: limit ?? atLeast,
      met: isMet(figure), behind: peer ? isBehind(figure, peer) : null,
    });
  });
}

const shown = (value) => (value === null ? '-' : Number.isFinite(value) ? value.toFixed(1) : 'never').padStart(10);
console.log(`${'figure'.padEnd(76)}${['ours', 'LiveKit', 'target'].map((head) => head.padStart(10)).join('')}`);
for (const { name, unit, ours: own, peer, target, met, behind } of table) {
  const remarks = `${met ? '' : '  missed'}${behind ? '  behind' : ''}`;
  console.log(`${`${name} (${unit})`.padEnd(76)}${shown(own)}${shown(peer)}${shown(target)}${remarks}`);
}
const bad = table.filter(({ met, behind }) => !met || behind).length;
console.log(`# pass ${table.length - bad}\n# fail ${bad}`);
const never = (value) => (value === Infinity ? null : value);
const { BENCH_MACHINE: machine, BENCH_COMMIT: commit } = process.env;
console.log(JSON.stringify({
  bench: 'network', machine, commit, runs, peer: servers.peer ? 'LiveKit' : null,
  rows: table.map((row) => ({ ...row, ours: never(row.ours), peer: never(row.peer) })),
}));
process.exitCode = bad ? 1 : 0;
