import { expect, test, vi } from 'vitest';
import { stayFindable } from './reuse';

function channel() {
  let listener: (event: MessageEvent) => void = () => undefined;
  return {
    addEventListener: (_type: string, added: (event: MessageEvent) => void) => {
      listener = added;
    },
    close: vi.fn(),
    receive: (data: unknown) => listener({ data } as MessageEvent),
  };
}

test('a named window says its name every second, and when asked, until it is stopped', () => {
  vi.useFakeTimers();
  const ping = vi.fn();
  const wire = channel();
  const opener = { closed: false };
  const stop = stayFindable({ name: 'call', opener, ping, channel: wire });
  vi.advanceTimersByTime(2_500);
  expect(ping.mock.calls).toEqual([['call'], ['call']]);
  wire.receive({ type: 'widget', action: '_ping' });
  for (const noise of [null, 'x', { type: 'room', action: '_ping' }, {}]) wire.receive(noise);
  expect(ping).toHaveBeenCalledTimes(3);
  opener.closed = true;
  vi.advanceTimersByTime(5_000);
  expect(ping).toHaveBeenCalledTimes(3);
  stop();
  expect(wire.close).toHaveBeenCalledOnce();
  vi.useRealTimers();
});

test('a window without name or opener is silent', () => {
  vi.useFakeTimers();
  const ping = vi.fn();
  stayFindable({ name: '', opener: { closed: false }, ping, channel: null });
  stayFindable({ name: 'call', opener: null, ping, channel: null });
  vi.advanceTimersByTime(5_000);
  expect(ping).not.toHaveBeenCalled();
  vi.useRealTimers();
});
