// Which cameras the page asks a relay for. The library's publication is its own, with the relay's end replaced.
import { RemoteTrackPublication, Track } from 'livekit-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ASK_AFTER, KEEP, shown, shownCamera } from './video';

function publication() {
  const camera = Object.create(RemoteTrackPublication.prototype) as RemoteTrackPublication;
  const asks: boolean[] = [];
  const own = {
    trackSid: 'TR_VC1',
    track: undefined as unknown,
    isMuted: false,
    setSubscribed: (wanted: boolean) => asks.push(wanted),
  };
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(camera, name, { value, writable: true });
  }
  return { camera, asks };
}

const track = () => ({
  mediaStreamTrack: { id: 'media-1' },
  streamState: Track.StreamState.Active,
  attach: vi.fn(),
  detach: vi.fn(),
});

const element = {} as HTMLVideoElement;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('a camera that comes by itself is not asked for', () => {
  const { camera, asks } = publication();
  const source = shownCamera(camera);
  const stop = source?.ask?.();
  vi.advanceTimersByTime(ASK_AFTER - 1);
  Object.assign(camera, { track: track() });
  stop?.();
  vi.advanceTimersByTime(10 * KEEP);
  expect(asks).toEqual([]);
  const received = shownCamera(camera);
  expect(received?.ask).toBeUndefined();
  received?.attach(element);
  received?.detach(element);
  vi.advanceTimersByTime(10 * KEEP);
  expect(asks).toEqual([]);
});

test('a camera that does not come is asked for once, and given back when nobody looks', () => {
  const { camera, asks } = publication();
  expect(shownCamera(camera)).toBe(shownCamera(camera));
  shownCamera(camera)?.ask?.();
  vi.advanceTimersByTime(10 * ASK_AFTER);
  expect(asks).toEqual([true]);
  Object.assign(camera, { track: track() });
  const source = shownCamera(camera);
  source?.attach(element);
  source?.detach(element);
  vi.advanceTimersByTime(KEEP - 1);
  source?.attach(element);
  vi.advanceTimersByTime(2 * KEEP);
  expect(asks).toEqual([true]);
  source?.detach(element);
  vi.advanceTimersByTime(KEEP);
  expect(asks).toEqual([true, false]);
});

test('nothing is asked of a camera that is off, and screens come by themselves', () => {
  const { camera } = publication();
  expect(shown(camera)).toBeNull();
  Object.assign(camera, { isMuted: true });
  expect(shownCamera(camera)).toBeNull();
  expect(shownCamera(undefined)).toBeNull();
});
