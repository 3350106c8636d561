// A participant's room page, seen from inside: what is decoded, what is heard, what the buttons say.
import { until, visitor } from './platform.mjs';
import { testimony } from './witness.mjs';

/** Opens a room and joins it as a person would: name, then "Join now". Answers the page. */
export async function join(page, roomUrl, name, parameters = {}) {
  await page.goto(withParameters(roomUrl, parameters));
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join now' }).click();
  await inside(page);
  return page;
}

/** Somebody whose page remembers the devices that it opened. */
export async function watched(browser) {
  const page = await visitor(browser);
  await page.addInitScript(() => {
    window.openedTracks = [];
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await open(constraints);
      window.openedTracks.push(...stream.getTracks());
      return stream;
    };
  });
  return page;
}

/** The kinds of those devices that are still open. */
export const running = (page) => page.evaluate(() => window.openedTracks.filter(({ readyState }) => readyState === 'live').map(({ kind }) => kind));

/** Waits until the room's controls are there. Works for a page and for a frame. */
export async function inside(frame) {
  await frame.getByRole('toolbar', { name: 'Meeting controls' }).waitFor();
}

export function withParameters(roomUrl, parameters) {
  const url = new URL(roomUrl);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Everybody's picture on this page: `[{label, width, height, frames}]`, own included, without video 0 frames. */
export function pictures(frame) {
  return frame.evaluate(() =>
    [...document.querySelectorAll('[data-identity]')].map((tile) => {
      const video = tile.querySelector('video');
      return {
        label: tile.getAttribute('aria-label'),
        width: video?.videoWidth ?? 0,
        height: video?.videoHeight ?? 0,
        frames: video?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
      };
    }),
  );
}

/** The picture of the person of this name. */
export async function picture(frame, name) {
  return (await pictures(frame)).find(({ label }) => label.startsWith(name));
}

/** Waits until `name`'s video has decoded `more` frames on this page, and answers its picture. */
export function seen(frame, name, more = 20) {
  return explained(frame, async () => {
    const first = await until(`a picture of ${name}`, async () => {
      const now = await picture(frame, name);
      return now?.frames > 0 && now;
    });
    return until(`${more} more frames of ${name}`, async () => {
      const now = await picture(frame, name);
      return now && now.frames >= first.frames + more && now;
    });
  });
}

/** Does it; should it fail, the error tells how everybody's connections are. */
async function explained(frame, wait) {
  try {
    return await wait();
  } catch (error) {
    const page = frame.page?.() ?? frame;
    throw new Error(`${error.message}\n${await testimony(page)}`, { cause: error });
  }
}

/**
 * The peak level (0..1) of each remote voice on this page within `milliseconds`: Chromium's fake microphone beeps once a
 * second, so every listened second holds a beep of each speaker.
 */
export function voices(frame, milliseconds = 2_500) {
  return frame.evaluate(async (time) => {
    const context = new AudioContext();
    await context.resume();
    const meters = [...document.querySelectorAll('audio, video')]
      .filter((element) => element.srcObject?.getAudioTracks().length)
      .map((element) => {
        const meter = context.createAnalyser();
        context.createMediaStreamSource(element.srcObject).connect(meter);
        return { meter, samples: new Float32Array(meter.fftSize), peak: 0 };
      });
    const end = performance.now() + time;
    while (performance.now() < end) {
      for (const voice of meters) {
        voice.meter.getFloatTimeDomainData(voice.samples);
        for (const sample of voice.samples) voice.peak = Math.max(voice.peak, Math.abs(sample));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await context.close();
    return meters.map(({ peak }) => peak);
  }, milliseconds);
}

/** Waits until `count` voices are heard above silence. */
export function heard(frame, count) {
  return explained(frame, () =>
    until(`${count} voices`, async () => {
      const levels = await voices(frame);
      return levels.filter((level) => level > 0.01).length === count && levels;
    }),
  );
}

/** Presses a control of the bar by its label. */
export async function press(frame, label) {
  await frame.getByRole('toolbar').getByRole('button', { name: label, exact: true }).click();
}
