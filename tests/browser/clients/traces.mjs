// The thirty steps on our relay and on LiveKit's server (LIVEKIT_SERVER): prints in which steps the pages sent or got other numbers of
// messages, ours / LiveKit's. docs/livekit.md says why.
import { launchChromium } from '../platform.mjs';
import { livekit, ours } from '../network/servers.mjs';
import { Scenario } from './scenario.mjs';

/** Told at intervals, whatever happens. */
const TIMED = /(ping|pong|pingReq|pongResp|trickle|connectionQuality|speakersChanged)$/;
const browser = await launchChromium();
/** What does not come on LiveKit's server is said, and the next step taken: a camera may need less than the 60 kbit/s at which it is to stop. */
const forgiving = async (step, action) => {
  await action().catch((error) => console.log(`  LiveKit's, ${step}: ${error.message}`));
};
for (const single of [true, false]) {
  const traces = [];
  for (const start of [ours, livekit]) {
    const server = await start({ here: '127.0.0.1', near: 'lo' });
    const scenario = new Scenario(server, browser, single);
    await scenario.walk(start === livekit ? { each: forgiving } : {});
    traces.push(scenario.trace);
    await server.stop();
  }
  console.log(single ? 'one connection' : 'two connections');
  for (const [step, counts] of Object.entries(traces[0])) {
    const kinds = new Set([...Object.keys(counts), ...Object.keys(traces[1][step])].filter((kind) => !TIMED.test(kind)));
    const others = [...kinds].sort().filter((kind) => counts[kind] !== traces[1][step][kind]);
    if (others.length) console.log(`  ${step}: ${others.map((kind) => `${kind} ${counts[kind] ?? 0} / ${traces[1][step][kind] ?? 0}`).join(', ')}`);
  }
}
await browser.close();
