import { afterEach, beforeEach, expect, test, vi } from 'vitest';

/** The browser's, as far as it is used. */
class BrowserSocket {
  static all: BrowserSocket[] = [];
  onopen?: (event: unknown) => void;
  onmessage?: (event: unknown) => void;
  onerror?: (event: unknown) => void;
  onclose?: (event: unknown) => void;
  binaryType = 'blob';
  readyState = 0;
  readonly protocol = '';
  readonly extensions = '';
  readonly send = vi.fn();
  readonly close = vi.fn(() => (this.readyState = 2));

  constructor(
    readonly url: string,
    readonly protocols: string | string[],
  ) {
    BrowserSocket.all.push(this);
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.({ type: 'open' });
  }

  end(code: number): void {
    this.readyState = 3;
    this.onerror?.({ type: 'error' });
    this.onclose?.({ type: 'close', code, reason: 'gone', wasClean: false });
  }
}

class CloseEvent extends Event {
  readonly code: number;
  constructor(type: string, init: { code: number }) {
    super(type);
    this.code = init.code;
  }
}

const attempts = () =>
  BrowserSocket.all.map(({ url }) => Number(/[?&]attempt=(\d{13,})$/.exec(url)?.[1]));

beforeEach(async () => {
  vi.useFakeTimers({ now: 1_796_000_000_000 });
  vi.resetModules();
  BrowserSocket.all = [];
  vi.stubGlobal('WebSocket', BrowserSocket);
  vi.stubGlobal('CloseEvent', CloseEvent);
  const { giveUpAfter } = await import('./socket');
  giveUpAfter([100, 200]);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function connect() {
  const socket = new WebSocket('wss://relay.example/rtc?access_token=t');
  socket.binaryType = 'arraybuffer';
  const said: string[] = [];
  socket.onopen = () => said.push('opened');
  socket.onmessage = ({ data }) => said.push(String(data));
  socket.addEventListener('error', () => said.push('error'));
  socket.onclose = ({ code }) => said.push(`closed ${code}`);
  return { socket, said };
}

test('a connection that opens soon is the only one', () => {
  const { socket, said } = connect();
  const [only] = BrowserSocket.all;
  expect(only?.url).toMatch(/^wss:\/\/relay\.example\/rtc\?access_token=t&attempt=\d+$/);
  vi.advanceTimersByTime(99);
  only?.open();
  expect([socket.readyState, only?.binaryType]).toEqual([WebSocket.OPEN, 'arraybuffer']);
  vi.advanceTimersByTime(10_000);
  only?.onmessage?.({ type: 'message', data: 'welcome' });
  socket.send('hello');
  expect(only?.send.mock.calls).toEqual([['hello']]);
  only?.end(1006);
  expect(said).toEqual(['opened', 'welcome', 'error', 'closed 1006']);
  expect(BrowserSocket.all).toHaveLength(1);
});

test('one that does not is given up for another, and the last one is waited for', () => {
  const { socket, said } = connect();
  vi.advanceTimersByTime(101);
  vi.advanceTimersByTime(201);
  const [first, second, third] = BrowserSocket.all;
  expect(first?.close).toHaveBeenCalledOnce();
  expect(second?.close).toHaveBeenCalledOnce();
  const [one = 0, two = 0, three = 0] = attempts();
  expect(one).toBeLessThan(two);
  expect(two).toBeLessThan(three);
  // What became of those that were given up is nobody's business.
  first?.end(1006);
  second?.open();
  expect([socket.readyState, said]).toEqual([WebSocket.CONNECTING, []]);
  vi.advanceTimersByTime(60_000);
  third?.open();
  expect(BrowserSocket.all).toHaveLength(3);
  expect(said).toEqual(['opened']);
});

test('one that opened while the page was busy is kept', () => {
  const { said } = connect();
  setTimeout(() => BrowserSocket.all[0]?.open(), 100);
  vi.advanceTimersByTime(10_000);
  expect(said).toEqual(['opened']);
  expect(BrowserSocket.all).toHaveLength(1);
});

test('a relay that is not there, or refuses, is not asked again', () => {
  const { said } = connect();
  BrowserSocket.all[0]?.end(1006);
  vi.advanceTimersByTime(10_000);
  expect(said).toEqual(['error', 'closed 1006']);
  expect(BrowserSocket.all).toHaveLength(1);
});

test('one that is closed stays closed', () => {
  const { socket } = connect();
  vi.advanceTimersByTime(101);
  socket.close();
  vi.advanceTimersByTime(10_000);
  expect(BrowserSocket.all).toHaveLength(2);
  expect(BrowserSocket.all[1]?.close).toHaveBeenCalledOnce();
});
