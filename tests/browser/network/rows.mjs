// The links on which pictures and sound are held to figures: each row's link, what is done, its figures and their limits.
import { pause } from './meeting.mjs';

// A figure has a `value` and a `limit`, or what it must be `atLeast`. `alike` is what two servers may be apart and yet alike: a picture,
// a packet of sound, one lost picture more.
const freeze = (value, limit) => ({ name: 'frozen', unit: '%', value: value * 100, limit, alike: 1.5 });
const gap = (value, limit) => ({ name: 'longest gap in the sound', unit: 'ms', value, limit, alike: 20 });
const time = (name, value, limit) => ({ name, unit: 'ms', value, limit, alike: 100 });
const frames = (value, seconds) => ({ name: 'pictures a second', unit: '1/s', value: value / seconds, atLeast: 10, alike: 1 });

/** Whether a figure is what is asked of it. */
export const isMet = ({ value, limit, atLeast }) => (limit === undefined ? value >= atLeast : value <= limit);

/** Whether a figure is worse than that of the peer. */
export const isBehind = (figure, peer) =>
  (figure.limit === undefined ? peer.value - figure.value : figure.value - peer.value) > Math.max(figure.alike, 0.05 * peer.value);

/** The rows that CONVOKE_NETWORK names: `all`, or those with that in their name. */
export const chosen = (otherwise) => {
  const name = process.env.CONVOKE_NETWORK;
  if (!name) return rows.filter(otherwise);
  return rows.filter((row) => name === 'all' || row.name.includes(name));
};

/** What is seen and heard in a steady state on a link. */
const steady = (seconds, limits) => async (meeting) => {
  await meeting.steadyAfter(meeting.begun, undefined);
  // Joining itself is no steady state.
  await pause(3_000);
  const seen = await meeting.watch(seconds);
  return { figures: [freeze(seen.frozen, limits.frozen), gap(seen.gap, limits.gap), frames(seen.shown, seconds)], seen };
};

/** The right layer soon after joining, and then that one and no other. */
const layer = (width, seconds) => async (meeting) => {
  const after = await meeting.steadyAfter(meeting.begun, width);
  await pause(3_000);
  const seen = await meeting.watch(seconds);
  const others = Object.entries(seen.widths).filter(([other]) => Number(other) !== width).reduce((sum, [, count]) => sum + count, 0);
  return {
    figures: [
      time('right layer after joining', after, 3_000),
      { name: 'pictures of other layers', unit: '%', value: (100 * others) / Math.max(1, seen.shown), limit: 5, alike: 2 },
      freeze(seen.frozen, 5),
      gap(seen.gap, 200),
      frames(seen.shown, seconds),
    ],
    seen,
  };
};

/** Somebody joins again and again. */
const joins = (count) => async (meeting) => {
  await meeting.steadyAfter(meeting.begun, undefined);
  const all = await meeting.joins(count);
  const failed = all.filter(({ failed }) => failed);
  const sorted = (of) => all.filter(({ failed }) => !failed).map(of).sort((a, b) => a - b);
  // The least time within which this share of all are there (the nearest rank).
  const share = (of, part) => sorted(of)[Math.ceil(all.length * part) - 1] ?? Infinity;
  const [signalled, picture, media] = [(join) => join.signalled, (join) => join.picture, (join) => join.picture - join.signalled];
  return {
    figures: [
      { name: 'failed joins', unit: 'joins', value: failed.length, limit: 0, alike: 0 },
      time('first picture, median', share(picture, 0.5), 1_000),
      time('first picture, 95 of 100', share(picture, 0.95), 1_000),
      time('first picture after the answer to joining, 95 of 100', share(media, 0.95), 1_000),
    ],
    seen: { signalled: [share(signalled, 0.5), share(signalled, 0.95)], failed, pictures: sorted(picture).map(Math.round) },
  };
};

// Those marked `ci` have been seen to hold and run always; the others are asked for by name.
export const rows = [
  {
    name: '2 % random loss',
    ci: true,
    link: { down: 'loss=0.02,delay=20', up: 'loss=0.02,delay=20' },
    // One freeze is a fifth of a second at least: long enough that one of them is not more than 1 %.
    run: steady(40, { frozen: 1, gap: 60 }),
  },
  {
    name: '5 % random loss',
    ci: true,
    link: { down: 'loss=0.05,delay=20', up: 'loss=0.05,delay=20' },
    // Between 0.0 and 2.2 have been seen, and 8 to 9 beside it on LiveKit's server.
    run: steady(40, { frozen: 5, gap: 60 }),
  },
  {
    name: 'joining at 5 % loss',
    link: { down: 'loss=0.05,delay=20', up: 'loss=0.05,delay=20' },
    run: joins(40),
  },
  {
    name: 'joining at 10 % loss',
    link: { down: 'loss=0.1,delay=20', up: 'loss=0.1,delay=20' },
    run: joins(40),
  },
  {
    name: '200 ms delay each way',
    link: { down: 'delay=200', up: 'delay=200' },
    run: steady(15, { frozen: 1, gap: 60 }),
  },
  {
    name: '50 ms jitter',
    link: { down: 'delay=20,jitter=50', up: 'delay=20,jitter=50' },
    run: steady(15, { frozen: 1, gap: 60 }),
  },
  {
    name: '5 % of packets overtaken',
    link: { down: 'delay=20,reorder=0.05', up: 'delay=20,reorder=0.05' },
    run: steady(15, { frozen: 1, gap: 60 }),
  },
  {
    name: '1 Mbit/s for a camera of 720 lines',
    camera: 720,
    link: { down: 'rate=1000000,queue=40000,delay=20', up: 'delay=20' },
    // Chromium's test camera needs less than a real one: all of it fits, and nothing is left.
    run: layer(1280, 15),
  },
  {
    name: '300 kbit/s',
    ci: true,
    link: { down: 'rate=300000,queue=12000,delay=20', up: 'delay=20' },
    run: layer(320, 15),
  },
  {
    name: '1 Mbit/s, then 300 kbit/s, then 1 Mbit/s',
    link: { down: 'rate=1000000,queue=40000,delay=20', up: 'delay=20' },
    async run(meeting) {
      await meeting.steadyAfter(meeting.begun, 640);
      await pause(4_000);
      const figures = [];
      for (const [name, rate, queue, width] of [['low layer', 300_000, 12_000, 320], ['high layer', 1_000_000, 40_000, 640]]) {
        const since = Date.now();
        meeting.link.change({ down: `rate=${rate},queue=${queue},delay=20`, up: 'delay=20' });
        const after = await meeting.steadyAfter(since, width);
        figures.push(time(`${name} after the change`, after, 3_000));
        await pause(8_000);
      }
      return { figures };
    },
  },
  {
    name: '5 s of black-out',
    link: { down: 'delay=20', up: 'delay=20' },
    async run(meeting) {
      await meeting.steadyAfter(meeting.begun, 640);
      await pause(4_000);
      meeting.link.change({ down: 'dark=1', up: 'dark=1' });
      await pause(5_000);
      meeting.link.change({ down: 'delay=20', up: 'delay=20' });
      const since = Date.now();
      const figures = [time('pictures after it', await meeting.steadyAfter(since), 2_000)];
      figures.push(time('high layer after it', await meeting.steadyAfter(since, 640), 5_000));
      return { figures };
    },
  },
  {
    name: 'another address',
    link: { down: 'delay=20', up: 'delay=20' },
    async run(meeting) {
      await meeting.steadyAfter(meeting.begun, 640);
      await pause(4_000);
      const since = Date.now();
      meeting.link.move();
      await pause(100);
      return { figures: [time('pictures after it', 100 + (await meeting.steadyAfter(since + 100)), 3_000)] };
    },
  },
];
