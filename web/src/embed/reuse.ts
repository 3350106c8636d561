// Finding a window again: a page that opened us under a name and was loaded anew asks who is there.

const EVERY_MS = 1_000;

export interface Reuse {
  /** The window's name; a window without one is not looked for. */
  name: string;
  /** The opener, to see whether there is still one. */
  opener: { closed: boolean } | null;
  /** Tells the opener our name. */
  ping: (name: string) => void;
  /** Channel of this origin's windows, on which a `_ping` asks for all names. */
  channel: {
    addEventListener: (type: 'message', heard: (event: MessageEvent<unknown>) => void) => void;
    close: () => void;
  } | null;
}

function isPing(data: unknown): boolean {
  if (typeof data !== 'object' || data === null) return false;
  const { type, action, event } = data as Record<string, unknown>;
  return (type === undefined || type === 'widget') && (action === '_ping' || event === '_ping');
}

/** Says our name every second and when asked, as long as there is an opener. Returns a stop. */
export function stayFindable({ name, opener, ping, channel }: Reuse): () => void {
  if (name === '' || !opener) {
    channel?.close();
    return () => undefined;
  }
  const say = () => {
    if (!opener.closed) ping(name);
  };
  const timer = setInterval(say, EVERY_MS);
  channel?.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (isPing(data)) say();
  });
  return () => {
    clearInterval(timer);
    channel?.close();
  };
}
