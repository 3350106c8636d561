// The browser's WebSocket, but one that does not open soon is given up for another. A lost first packet of TCP is sent again
// only after a second (RFC 6298), so a new connection is faster. It cannot be opened beside the first: browsers open one
// WebSocket to an address at a time (RFC 6455 §4.1).

type Handler<E extends Event> = ((event: E) => unknown) | null;

const Browsers = globalThis.WebSocket as typeof WebSocket | undefined;
let tries: readonly number[] = [];

/**
 * Has every WebSocket from now on, which is livekit-client's, give up so many connections that do not open in so many
 * milliseconds each. The one after them has all the time it needs.
 */
export function giveUpAfter(milliseconds: readonly number[]): void {
  tries = milliseconds;
  globalThis.WebSocket = ImpatientSocket as unknown as typeof WebSocket;
}

class ImpatientSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;

  onopen: Handler<Event> = null;
  onmessage: Handler<MessageEvent> = null;
  onerror: Handler<Event> = null;
  onclose: Handler<CloseEvent> = null;
  binaryType: BinaryType = 'blob';

  private left = [...tries];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private socket: WebSocket;

  constructor(
    readonly url: string,
    private readonly protocols: string | string[] = [],
  ) {
    super();
    this.socket = this.open();
  }

  get readyState(): number {
    return this.socket.readyState;
  }

  get protocol(): string {
    return this.socket.protocol;
  }

  get extensions(): string {
    return this.socket.extensions;
  }

  send(data: Parameters<WebSocket['send']>[0]): void {
    this.socket.send(data);
  }

  close(code?: number, reason?: string): void {
    clearTimeout(this.timer);
    this.socket.close(code, reason);
  }

  private open(): WebSocket {
    if (!Browsers) throw new Error('no WebSocket here');
    const socket = new Browsers(nextAttempt(this.url), this.protocols);
    const wait = this.left.shift();
    const another = () => {
      socket.close();
      this.socket = this.open();
    };
    if (wait !== undefined) {
      // Where the page was busy, the news that it is open may only wait for its turn.
      this.timer = setTimeout(() => (this.timer = setTimeout(another)), wait);
    }
    // Of one that was given up nothing is told.
    const pass = (event: Event) => {
      if (socket !== this.socket) return;
      clearTimeout(this.timer);
      this.emit(event);
    };
    socket.onopen = ({ type }) => {
      socket.binaryType = this.binaryType;
      pass(new Event(type));
    };
    socket.onmessage = ({ type, data }: MessageEvent<unknown>) =>
      pass(new MessageEvent(type, { data }));
    socket.onerror = ({ type }) => pass(new Event(type));
    socket.onclose = ({ type, code, reason, wasClean }) =>
      pass(new CloseEvent(type, { code, reason, wasClean }));
    return socket;
  }

  private emit(event: Event): void {
    const handler = this[`on${event.type}` as 'onopen'];
    handler?.(event);
    this.dispatchEvent(event);
  }
}

/**
 * Of several attempts with one token the relay goes by the one with the highest number: TCP goes on sending what the page had
 * begun, so one that was given up may still arrive behind it.
 */
function nextAttempt(url: string): string {
  // Milliseconds never go back while the page is open, nor usually when it is loaded again.
  const sinceLongAgo = Math.round(performance.timeOrigin + performance.now());
  return `${url}${url.includes('?') ? '&' : '?'}attempt=${sinceLongAgo}`;
}
