// What a subscriber in a real browser sees over links that lose, delay and throttle, the same losses in every run.
// CONVOKE_NETWORK names rows; without it there are those that continuous integration has time for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meeting } from './meeting.mjs';
import { chosen, isMet } from './rows.mjs';
import { ours } from './servers.mjs';

chosen((row) => row.ci).forEach((row, index) => {
  test(row.name, async (t) => {
    const meeting = await Meeting.open(`86.${20 + index}`, ours, { seed: 7, camera: row.camera, ...row.link });
    t.after(() => meeting.close());
    const { figures, seen } = await row.run(meeting);
    t.diagnostic(JSON.stringify({ figures, seen, link: meeting.link.stats }));
    const { loss } = Object.fromEntries(row.link.down.split(',').map((pair) => pair.split('=')));
    // The link did lose, and what it lost was asked for again.
    if (loss) assert.ok(meeting.link.stats.down.lost > 10 && seen.nacks > 0);
    for (const figure of figures) assert.ok(isMet(figure), `${figure.name}: ${figure.value} ${figure.unit}`);
  });
});
