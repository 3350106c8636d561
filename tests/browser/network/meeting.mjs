// A camera on this side of a link, who watches it on the other, and what is seen and heard there.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchChromium, visitor } from '../platform.mjs';
import { Linked } from './link.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const SDK = join(root, 'web/node_modules/livekit-client/dist/livekit-client.umd.js');
/** When our room page gives a connection up for another, and how. */
const IMPATIENCE = ['retry.ts', 'livekit/socket.ts'].map((file) => join(root, 'web/src/room', file));

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** One meeting over a link, on one server. */
export class Meeting {
  /** `net` as for the link; `start` starts the server; `camera` is 360 or 720 lines high. */
  static async open(net, start, { camera = 360, ...properties }) {
    const meeting = new Meeting();
    meeting.closing = [];
    try {
      const link = (meeting.link = await Linked.open(net, properties));
      meeting.closing.unshift(() => link.close());
      const server = (meeting.server = await start(link));
      meeting.closing.unshift(() => server.stop());
      // The address is not of this machine alone, so browsers want to be told that its pages may use a camera.
      const args = [`--unsafely-treat-insecure-origin-as-secure=${server.base}`];
      for (const launch of [() => launchChromium({ args }), () => link.launch(args)]) {
        const browser = await launch();
        meeting.closing.unshift(() => browser.close());
        (meeting.browsers ??= []).push(browser);
      }
      const [near, far] = meeting.browsers;
      await enter(near, server, 'camera', camera);
      meeting.begun = Date.now();
      meeting.watcher = await enter(far, server, 'watcher');
    } catch (error) {
      await meeting.close();
      throw error;
    }
    return meeting;
  }

  async close() {
    for (const step of this.closing) await step();
  }

  /** Counters of the watcher so far: `{frozen, nacks, concealed, samples}`, the time frozen in seconds. */
  counters() {
    return this.watcher.evaluate(() => window.counters());
  }

  /** Pictures shown since then, as `[{at, width}]`, in milliseconds of `Date.now()`. */
  pictures(since) {
    return this.watcher.evaluate((since) => window.pictures.filter(({ at }) => at >= since), since);
  }

  /**
   * Somebody joins so many times behind the link, as `[{signalled, connected, picture}]` in milliseconds, or `{failed}` with the
   * reason. Until signalled it is TCP's time, whose first packet is sent again only after a second where it is lost (RFC 6298): so
   * connections are given up for others as our room page does it where the platform has answered in 45 ms, hardly more than a
   * round trip, of which opening one takes two.
   */
  async joins(count) {
    const joins = [];
    const impatience = await Promise.all(IMPATIENCE.map(exported));
    for (let number = 0; number < count; number += 1) {
      const page = await open(this.browsers[1], this.server);
      const settings = { url: this.server.base.replace('http', 'ws'), token: this.server.token('room', `newcomer-${number}`), expected: 2 * 45, limit: 15_000 };
      await page.addScriptTag({ content: impatience.join('') });
      joins.push(await page.evaluate((settings) => window.join(settings), settings));
      await page.context().close();
    }
    return joins;
  }

  /** The longest stretch of sound made up for lack of packets since then, in milliseconds. */
  async longestGap(since) {
    const gaps = await this.watcher.evaluate((since) => window.gaps.filter(({ at }) => at >= since), since);
    return Math.max(0, ...gaps.map(({ milliseconds }) => milliseconds));
  }

  /**
   * What happens in the next seconds: `{frozen, gap, shown, nacks, widths}`; `frozen` is a share. Pictures count that are shown: of
   * those that are decoded some come so late that the next one takes their place.
   */
  async watch(seconds) {
    const [before, since] = [await this.counters(), Date.now()];
    await pause(seconds * 1000);
    const after = await this.counters();
    const pictures = await this.pictures(since);
    const widths = {};
    for (const { width } of pictures) widths[width] = (widths[width] ?? 0) + 1;
    return {
      frozen: (after.frozen - before.frozen) / seconds,
      gap: await this.longestGap(since),
      shown: pictures.length,
      nacks: after.nacks - before.nacks,
      widths,
    };
  }

  /**
   * Milliseconds from `since` until pictures of this width come steadily: at least eight within a second, none of them of
   * another width. `limit` after which it is given up.
   */
  async steadyAfter(since, width, limit = 20_000) {
    for (;;) {
      const pictures = await this.pictures(since);
      for (let first = 0; first + 8 <= pictures.length; first += 1) {
        const run = pictures.slice(first, first + 8);
        if (run.every((one) => width === undefined || one.width === width) && run[7].at - run[0].at <= 1_000) return run[0].at - since;
      }
      if (Date.now() > since + limit) return Infinity;
      await pause(100);
    }
  }
}

/** A script that puts what a file of the web client exports into a page's window. */
async function exported(file) {
  const { ModuleKind, ScriptTarget, transpileModule } = createRequire(join(root, 'web/package.json'))('typescript');
  const compilerOptions = { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022 };
  const { outputText } = transpileModule(await readFile(file, 'utf8'), { compilerOptions });
  return `((exports) => {${outputText}})(window);`;
}

async function open(browser, server) {
  const page = await visitor(browser);
  await page.goto(`${server.base}/`);
  await page.addScriptTag({ path: SDK });
  await page.evaluate(inPage);
  return page;
}

async function enter(browser, server, identity, camera) {
  const page = await open(browser, server);
  await page.evaluate((settings) => window.enter(settings), { url: server.base.replace('http', 'ws'), token: server.token('room', identity), camera });
  return page;
}

// Runs in the pages.
function inPage() {
  window.pictures = [];
  window.gaps = [];
  const { Room, RoomEvent, VideoPresets } = window.LivekitClient;

  window.enter = async ({ url, token, camera }) => {
    const room = (window.room = new Room({ adaptiveStream: !camera }));
    room.on(RoomEvent.TrackSubscribed, (track) => {
      const element = track.attach();
      element.style.width = '1280px';
      document.body.append(element);
      if (track.kind === 'video') follow(element);
    });
    await room.connect(url, token);
    if (!camera) {
      setInterval(listen, 60);
      return;
    }
    const [top, ...lower] = { 360: [VideoPresets.h360, VideoPresets.h180], 720: [VideoPresets.h720, VideoPresets.h180, VideoPresets.h360] }[camera];
    const options = { simulcast: true, videoEncoding: top.encoding, videoSimulcastLayers: lower };
    await room.localParticipant.setCameraEnabled(true, { resolution: top.resolution }, options);
    // A tone: each stretch that is made up shows, as none would in the pauses of speech.
    const context = new AudioContext();
    const [tone, out] = [context.createOscillator(), context.createMediaStreamDestination()];
    tone.connect(out);
    tone.start();
    await room.localParticipant.publishTrack(out.stream.getAudioTracks()[0], { source: 'microphone', dtx: false });
  };

  window.join = async ({ url, token, expected, limit }) => {
    window.giveUpAfter(window.socketTries(expected));
    const room = new Room({ adaptiveStream: true });
    const began = performance.now();
    let signalled;
    room.once(RoomEvent.SignalConnected, () => (signalled = performance.now() - began));
    const picture = new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error('no picture')), limit);
      room.on(RoomEvent.TrackSubscribed, (track) => {
        const element = track.attach();
        document.body.append(element);
        if (track.kind === 'video') element.requestVideoFrameCallback(() => resolve(performance.now() - began));
      });
    });
    try {
      await Promise.race([room.connect(url, token, { websocketTimeout: 8_000, maxRetries: 0 }), picture]);
      const connected = performance.now() - began;
      const times = { signalled, connected, picture: await picture };
      await room.disconnect();
      return times;
    } catch (error) {
      return { failed: String(error) };
    }
  };

  const follow = (element) => element.requestVideoFrameCallback((_now, { width }) => {
    window.pictures.push({ at: performance.timeOrigin + performance.now(), width });
    follow(element);
  });

  // A stretch of made-up sound ends where the next begins, or none is added.
  let last;
  let gap;
  const listen = async () => {
    const now = { concealed: 0, events: 0 };
    for (const connection of window.keptConnections) {
      for (const receiver of connection.getReceivers().filter((one) => one.track.kind === 'audio')) {
        for (const entry of (await receiver.getStats()).values()) {
          if (entry.type !== 'inbound-rtp') continue;
          now.concealed += entry.concealedSamples ?? 0;
          now.events += entry.concealmentEvents ?? 0;
        }
      }
    }
    if (last) {
      const [samples, events] = [now.concealed - last.concealed, now.events - last.events];
      const milliseconds = samples / 48;
      if (events > 0) {
        gap = { at: performance.timeOrigin + performance.now(), milliseconds: milliseconds / events };
        window.gaps.push(gap);
      } else if (samples > 0 && gap) {
        gap.milliseconds += milliseconds;
      }
    }
    last = now;
  };

  window.counters = async () => {
    const sums = { frozen: 0, nacks: 0, concealed: 0, samples: 0 };
    for (const connection of window.keptConnections) {
      for (const entry of (await connection.getStats()).values()) {
        if (entry.type !== 'inbound-rtp') continue;
        sums.frozen += entry.totalFreezesDuration ?? 0;
        sums.nacks += entry.kind === 'video' ? entry.nackCount : 0;
        sums.concealed += entry.concealedSamples ?? 0;
        sums.samples += entry.totalSamplesReceived ?? 0;
      }
    }
    return sums;
  };
}
