// What a subscriber in a real browser sees over links that lose, delay and throttle, the same losses in every run.
// CONVOKE_NETWORK names rows; without it there are those that continuous integration has time for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meeting } from './meeting.mjs';
import { chosen, isMet } from './rows.mjs';
import { ours } from './servers.mjs';

/** Which figures of the row are missed, as text. */
async function missed(t, row, net) {
  const meeting = await Meeting.open(net, ours, { seed: 7, camera: row.camera, ...row.link });
  try {
    const { figures, seen } = await row.run(meeting);
    t.diagnostic(JSON.stringify({ figures, seen, link: meeting.link.stats }));
    const { loss } = Object.fromEntries(row.link.down.split(',').map((pair) => pair.split('=')));
    // The link did lose, and what it lost was asked for again.
    if (loss) assert.ok(meeting.link.stats.down.lost > 10 && seen.nacks > 0);
    return figures.filter((figure) => !isMet(figure)).map(({ name, value, unit }) => `${name}: ${value} ${unit}`);
  } finally {
    await meeting.close();
  }
}

chosen((row) => row.ci).forEach((row, index) => {
  test(row.name, async (t) => {
    // One stall of the machine is enough to miss a figure; what is missed twice is ours.
    const first = await missed(t, row, `86.${20 + 2 * index}`);
    if (first.length) assert.deepEqual(await missed(t, row, `86.${21 + 2 * index}`), [], `first ${first}, then`);
  });
});
