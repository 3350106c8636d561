// What the page's entry in the browser's history keeps, so that the page can be loaded again: the secrets that do not stay in the
// address, and who we are in the meeting. Other frames and visits know nothing of it; a tab that is duplicated does.
import type { RoomParams } from './params';

/** Somebody's stay in the meeting: when the page is loaded again, they come back as who they were. */
export interface Stay {
  token: string;
  name: string;
  /** What was on. */
  mic: boolean;
  camera: boolean;
}

interface Kept {
  moderatorToken: string | null;
  pin: string | null;
  pass: string | null;
  parentOrigin: string | null;
  /** The name of who has registered. */
  guest: string | null;
  stay: Stay | null;
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

function readStay(value: unknown): Stay | null {
  const { token, name, mic, camera } = object(value);
  if (typeof token !== 'string' || typeof name !== 'string') return null;
  return { token, name, mic: mic === true, camera: camera === true };
}

/** As who a join token lets in, before it was ever used; `null` if it is none. */
function stayBy(token: string): Stay | null {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { name } = object(JSON.parse(new TextDecoder().decode(bytes)));
    return readStay({ token, name, mic: true, camera: true });
  } catch {
    return null;
  }
}

function read(state: unknown): Kept {
  const kept = object(state);
  return {
    moderatorToken: text(kept['moderatorToken']),
    pin: text(kept['pin']),
    pass: text(kept['pass']),
    parentOrigin: text(kept['parentOrigin']),
    guest: text(kept['guest']),
    stay: readStay(kept['stay']),
  };
}

/** The part of `window.history` that is used. */
export type Entry = Pick<History, 'state' | 'replaceState'>;

/** What a page finds that is loaded, and what it leaves for the next time. */
export class Keeper {
  private kept: Kept;

  constructor(private readonly entry: Entry) {
    this.kept = read(entry.state);
  }

  /** As who we were here before. */
  get stay(): Stay | null {
    return this.kept.stay;
  }

  get guest(): string | null {
    return this.kept.guest;
  }

  /** Completes what the address says by what it said before, and keeps both. `clean` is the address to show. */
  complete(params: RoomParams, guest: string | null, clean: string): void {
    const { kept } = this;
    params.moderatorToken ??= kept.moderatorToken;
    params.pin ??= kept.pin;
    params.pass ??= kept.pass;
    params.parentOrigin ??= kept.parentOrigin;
    const { moderatorToken, pin, pass, parentOrigin, token } = params;
    // Who was here before is further: that token is of the same session, and newer.
    const stay = kept.stay ?? (token ? stayBy(token) : null);
    const own = { moderatorToken, pin, pass, parentOrigin, stay };
    this.kept = { ...kept, ...own, guest: guest ?? kept.guest };
    this.entry.replaceState(this.kept, '', clean);
  }

  /** Keeps it, or nothing that opens a door any more. */
  keepStay(stay: Stay | null): void {
    const closed = stay ? {} : { moderatorToken: null, pin: null };
    this.kept = { ...this.kept, ...closed, stay };
    try {
      this.entry.replaceState(this.kept, '');
    } catch {
      // Browsers take so many changes a minute, and no more: not kept.
    }
  }
}
