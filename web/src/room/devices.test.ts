import { expect, test, vi } from 'vitest';
import { constraintsFor, Devices, problemOf } from './devices';
import { loudness } from './level';
import { Backoff, doorOpen, nextLook } from './retry';

const error = (name: string) => Object.assign(new Error(name), { name });

test('a failed device is explained', () => {
  expect(problemOf(error('NotAllowedError'), true)).toBe('blocked');
  expect(problemOf(error('NotAllowedError'), false)).toBe('policy');
  expect(problemOf(error('NotFoundError'), true)).toBe('missing');
  expect(problemOf(error('NotReadableError'), true)).toBe('in_use');
  expect(problemOf('?', true)).toBe('failed');
});

test('a chosen device is a wish, so that an unplugged one does not fail', () => {
  expect(constraintsFor('mic', 'x', 720)).toMatchObject({
    deviceId: { ideal: 'x' },
    echoCancellation: true,
  });
  expect(constraintsFor('camera', null, 360)).toMatchObject({
    width: { ideal: 640 },
    height: { ideal: 360 },
  });
});

/** Devices whose camera opens when `open` is called. */
function slowCamera() {
  vi.stubGlobal('HTMLMediaElement', EventTarget);
  const track = Object.assign(new EventTarget(), {
    kind: 'video',
    readyState: 'live',
    stop: () => (track.readyState = 'ended'),
  });
  const media = Object.assign(new EventTarget(), {
    getUserMedia: () =>
      new Promise((resolve) => {
        media.addEventListener('open', () => resolve({ getTracks: () => [track] }));
      }),
    enumerateDevices: () => Promise.resolve([]),
  });
  const devices = new Devices(720, media as unknown as MediaDevices);
  return { devices, track, open: () => media.dispatchEvent(new Event('open')) };
}

test('a preview that is taken while it opens is handed over once it is there', async () => {
  const { devices, track, open } = slowCamera();
  const opening = devices.open({ mic: false, camera: true });
  expect(devices.isComing('camera')).toBe(true);
  const taken = devices.take('camera');
  open();
  expect(await taken).toBe(track);
  await opening;
  expect([track.readyState, devices.isComing('camera')]).toEqual(['live', false]);
});

test('a preview that is closed while it opens is not left running', async () => {
  const { devices, track, open } = slowCamera();
  const opening = devices.open({ mic: false, camera: true });
  devices.close('camera');
  expect(devices.isComing('camera')).toBe(false);
  open();
  await opening;
  expect([track.readyState, devices.preview.value.camera]).toEqual(['ended', null]);
});

test('loudness runs from silence to full', () => {
  expect(loudness(new Float32Array(64))).toBe(0);
  expect(loudness(new Float32Array(64).fill(1))).toBe(1);
  const voice = loudness(new Float32Array(64).fill(0.05));
  expect(voice).toBeGreaterThan(0.4);
  expect(voice).toBeLessThan(0.9);
});

test('the door is looked at when it opens, and often from then on', () => {
  const opens = 10_000_000;
  expect(doorOpen(opens, opens - 1)).toBe(false);
  expect(doorOpen(opens, opens)).toBe(true);
  expect(doorOpen(null, 0)).toBe(true);
  expect(nextLook(opens, opens - 10_000, 0)).toBe(10_250);
  expect(nextLook(opens, 0 - 30 * 86_400_000, 0)).toBe(3_600_000);
  expect(nextLook(opens, opens, 1)).toBe(12_000);
});

test('pauses grow to four seconds', () => {
  const backoff = new Backoff(() => 0.5);
  expect([1, 2, 3, 4, 5, 6].map(() => backoff.next())).toEqual([300, 600, 1200, 2400, 4000, 4000]);
});
