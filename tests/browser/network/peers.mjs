// The rows on our relay and, with LIVEKIT_SERVER, on LiveKit's server, row by row in turn. Prints a table and, last, one line
// of JSON. Arguments choose rows: those whose name contains one of them.
import { Meeting } from './meeting.mjs';
import { rows } from './rows.mjs';
import { livekit, ours } from './servers.mjs';

const chosen = process.argv.slice(2);
const servers = { ours, ...(process.env.LIVEKIT_SERVER ? { peer: livekit } : {}) };
const table = [];
let net = 0;

for (const row of rows.filter(({ name }) => chosen.length === 0 || chosen.some((part) => name.includes(part)))) {
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
  figures.ours.forEach(({ name, unit, value, limit, atLeast }, index) => {
    const peer = figures.peer?.[index].value ?? null;
    const met = limit === undefined ? value >= atLeast : value <= limit;
    table.push({ name: `${row.name}: ${name}`, unit, ours: value, peer, target: limit ?? atLeast, met });
  });
}

const shown = (value) => (value === null ? '-' : Number.isFinite(value) ? value.toFixed(1) : 'never').padStart(10);
console.log(`${'figure'.padEnd(76)}${['ours', 'LiveKit', 'target'].map((head) => head.padStart(10)).join('')}`);
for (const row of table) {
  console.log(`${`${row.name} (${row.unit})`.padEnd(76)}${shown(row.ours)}${shown(row.peer)}${shown(row.target)}${row.met ? '' : '  missed'}`);
}
const never = (value) => (value === Infinity ? null : value);
const { BENCH_MACHINE: machine, BENCH_COMMIT: commit } = process.env;
console.log(JSON.stringify({
  bench: 'network', machine, commit, peer: servers.peer ? 'LiveKit' : null,
  rows: table.map((row) => ({ ...row, ours: never(row.ours), peer: never(row.peer) })),
}));
