// The message channel with the page that frames or opened this one (embedding contract, 5 and 6).
import type { Owner } from './origin';

export interface Message {
  type: string;
  action: string;
  [field: string]: unknown;
}

/** Reads a message from outside; `null` if it is not of the contract's form. */
export function parseMessage(data: unknown): Message | null {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return null;
  const { type, action } = data as Record<string, unknown>;
  return typeof type === 'string' && typeof action === 'string' ? (data as Message) : null;
}

export interface Channel {
  send: (type: string, event: string, fields?: object) => void;
  /** Starts to listen. The handler answers whether it knows the message. */
  listen: (handle: (message: Message) => boolean) => void;
  close: () => void;
}

const CLOSED: Channel = {
  send: () => undefined,
  listen: () => undefined,
  close: () => undefined,
};

/**
 * The channel to the owner; without `events`, or alone, one that does nothing. Messages go to the
 * owner's exact origin, and only those from its window and origin are heard. Where the origin is not
 * known, the first well-formed message from the owner's window binds it.
 */
export function openChannel(window: Window, owner: Owner | null, events: boolean): Channel {
  if (!owner || !events) return CLOSED;
  let { origin } = owner;
  let waiting: object[] = [];
  let warned = false;
  let handler: ((message: Message) => boolean) | null = null;

  const post = (message: object) => {
    if (origin !== null) owner.window.postMessage(message, origin);
    // A few, so that an owner that shows itself late still learns how things are.
    else if (waiting.length < 100) waiting.push(message);
  };
  const warn = (data: unknown) => {
    if (warned) return;
    warned = true;
    console.warn('A message to this page was ignored: not of a known form.', data);
  };
  const receive = (event: MessageEvent<unknown>) => {
    if (event.source !== owner.window) return;
    if (origin !== null && event.origin !== origin) return;
    const message = parseMessage(event.data);
    if (!message) {
      warn(event.data);
      return;
    }
    if (origin === null) {
      origin = event.origin;
      const held = waiting;
      waiting = [];
      held.forEach(post);
    }
    try {
      if (!handler?.(message)) warn(event.data);
    } catch (error) {
      console.warn('A message to this page could not be carried out.', error);
    }
  };

  return {
    send: (type, event, fields = {}) => post({ type, event, ...fields }),
    listen: (handle) => {
      handler = handle;
      window.addEventListener('message', receive);
    },
    close: () => window.removeEventListener('message', receive),
  };
}

/**
 * Tells the framing page, whatever its origin, that somebody left and why. It holds nothing but the
 * reason, so anybody may hear it.
 */
export function postLeave(window: Window, type: string, reason: string): void {
  if (window.parent !== window) window.parent.postMessage({ type, reason }, '*');
}
