// The rows on our relay and, with LIVEKIT_SERVER, on LiveKit's server, row by row in turn. Prints a table and, last, one line
// of JSON. Fails where ours misses a figure or is behind.
import { Meeting } from './meeting.mjs';
import { chosen, isBehind, isMet } from './rows.mjs';
import { livekit, ours } from './servers.mjs';

const servers = { ours, ...(process.env.LIVEKIT_SERVER ? { peer: livekit } : {}) };
const table = [];
let net = 0;

for (const row of chosen(() => true)) {
  const figures = {};
  for (const [side, start] of Object.entries(servers)) {
    net += 1;
    const meeting = await Meeting.open(`87.${net}`, start, { seed: 7, camera: row.camera, ...row.link });
    try {
      const result = await row.run(meeting);
      figures[side] = result.figures;
      console.error(`${row.name}, ${side}: ${JSON.stringify(result)}`);
    } finally {
      await meeting.close();
    }
  }
  figures.ours.forEach((figure, index) => {
    const peer = figures.peer?.[index];
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
  bench: 'network', machine, commit, peer: servers.peer ? 'LiveKit' : null,
  rows: table.map((row) => ({ ...row, ours: never(row.ours), peer: never(row.peer) })),
}));
process.exitCode = bad ? 1 : 0;
