import { afterEach, describe, expect, test, vi } from 'vitest';
import { openChannel, parseMessage, postLeave } from './channel';
import { originOf, ownerOf } from './origin';

type Listener = (event: MessageEvent) => void;

function windows() {
  const listeners: Listener[] = [];
  const parent = { postMessage: vi.fn() } as unknown as Window & {
    postMessage: ReturnType<typeof vi.fn>;
  };
  const self = {
    parent,
    addEventListener: (_type: string, listener: Listener) => listeners.push(listener),
    removeEventListener: () => listeners.splice(0),
  } as unknown as Window;
  const receive = (data: unknown, origin: string, source: unknown = parent) =>
    listeners.forEach((listener) => listener({ data, origin, source } as MessageEvent));
  return { self, parent, receive };
}

const PARTNER = 'https://partner.example';
const MUTE = { type: 'conference', action: 'mute' };

afterEach(() => vi.restoreAllMocks());

describe('the channel', () => {
  test('sends to the exact origin', () => {
    const { self, parent } = windows();
    const channel = openChannel(self, { window: parent, origin: PARTNER }, true);
    channel.send('room', 'READY');
    channel.send('conference', 'SPEAKER', { id: 1, speakerId: 2 });
    expect(parent.postMessage.mock.calls).toEqual([
      [{ type: 'room', event: 'READY' }, PARTNER],
      [{ type: 'conference', event: 'SPEAKER', id: 1, speakerId: 2 }, PARTNER],
    ]);
  });

  test('is shut without events, and alone', () => {
    const { self, parent, receive } = windows();
    const handle = vi.fn(() => true);
    for (const channel of [
      openChannel(self, { window: parent, origin: PARTNER }, false),
      openChannel(self, null, true),
    ]) {
      channel.listen(handle);
      channel.send('room', 'READY');
      receive(MUTE, PARTNER);
    }
    expect(handle).not.toHaveBeenCalled();
    expect(parent.postMessage).not.toHaveBeenCalled();
  });

  test('hears the owner’s window and origin only', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { self, parent, receive } = windows();
    const handle = vi.fn(() => true);
    openChannel(self, { window: parent, origin: PARTNER }, true).listen(handle);
    receive(MUTE, 'https://evil.example');
    receive(MUTE, PARTNER, { other: 'window' });
    expect(handle).not.toHaveBeenCalled();
    receive(MUTE, PARTNER);
    expect(handle).toHaveBeenCalledOnce();
  });

  test('warns once about nonsense and goes on', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { self, parent, receive } = windows();
    const handle = vi.fn(() => true);
    openChannel(self, { window: parent, origin: PARTNER }, true).listen(handle);
    for (const data of [null, 3, 'x', [], {}, { type: 1, action: 2 }]) receive(data, PARTNER);
    expect(warn).toHaveBeenCalledOnce();
    receive(MUTE, PARTNER);
    expect(handle).toHaveBeenCalledOnce();
  });

  test('a handler that fails does not break the page', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { self, parent, receive } = windows();
    openChannel(self, { window: parent, origin: PARTNER }, true).listen(() => {
      throw new Error('boom');
    });
    expect(() => receive(MUTE, PARTNER)).not.toThrow();
  });

  test('binds to the first well-formed message where the origin is not known', () => {
    const { self, parent, receive } = windows();
    const handle = vi.fn(() => true);
    const channel = openChannel(self, { window: parent, origin: null }, true);
    channel.listen(handle);
    channel.send('room', 'READY');
    expect(parent.postMessage).not.toHaveBeenCalled();
    receive(MUTE, PARTNER);
    expect(parent.postMessage).toHaveBeenCalledWith({ type: 'room', event: 'READY' }, PARTNER);
    receive(MUTE, 'https://other.example');
    expect(handle).toHaveBeenCalledOnce();
  });
});

test('a leave is told to any framing page, and to nobody without one', () => {
  const { self, parent } = windows();
  postLeave(self, 'vivomeetingsLeaveCallEvent', 'left');
  expect(parent.postMessage).toHaveBeenCalledWith(
    { type: 'vivomeetingsLeaveCallEvent', reason: 'left' },
    '*',
  );
  const alone = { postMessage: vi.fn() } as unknown as Window;
  Object.assign(alone, { parent: alone });
  postLeave(alone, 't', 'left');
  expect((alone as unknown as { postMessage: unknown }).postMessage).not.toHaveBeenCalled();
});

test('a message has type and action', () => {
  expect(parseMessage({ type: 'a', action: 'b', x: 1 })).toEqual({ type: 'a', action: 'b', x: 1 });
  expect(parseMessage({ type: 'a', event: 'b' })).toBeNull();
});

describe('the owner', () => {
  const self = {} as Window;
  const parent = {} as Window;
  const opener = {} as Window;
  const view = { self, parent, opener: null, referrer: '', ancestorOrigins: [] };

  test('is the framing page, by what the browser, the referrer, or the sign-in says', () => {
    const framed = { ...view, referrer: 'https://ref.example/x?y' };
    expect(ownerOf({ ...framed, ancestorOrigins: ['https://anc.example'] }, null)?.origin).toBe(
      'https://anc.example',
    );
    expect(ownerOf(framed, 'https://told.example')?.origin).toBe('https://ref.example');
    expect(ownerOf(view, 'https://told.example')?.origin).toBe('https://told.example');
    expect(ownerOf(view, null)).toEqual({ window: parent, origin: null });
  });

  test('is the opener of a window of its own, or nobody', () => {
    const alone = { ...view, parent: self };
    expect(ownerOf(alone, null)).toBeNull();
    expect(ownerOf({ ...alone, opener, referrer: 'https://o.example/' }, null)).toEqual({
      window: opener,
      origin: 'https://o.example',
    });
  });

  test('origins are of the web', () => {
    expect(originOf('null')).toBeNull();
    expect(originOf('file:///x')).toBeNull();
    expect(originOf('http://a.localhost:8080/p')).toBe('http://a.localhost:8080');
  });
});
