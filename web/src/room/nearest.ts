// The way to a relay: the nearest that takes us.
import type { Admission, Fetch, RelayAddress } from './join';
import { raceRelays } from './race';
import type { Reason } from './reasons';
import { relayTries } from './retry';
import { RelayRefused, type OpenSession, type Session, type SessionOptions } from './session';

export interface Way {
  fetch: Fetch;
  now: () => number;
  loadMedia: () => Promise<{ openSession: OpenSession }>;
  /** Milliseconds that the platform took to answer last: what a relay may need, where there is one alone. */
  answeredIn: number;
  /** Whether the visitor still wants to come in. */
  wanted: () => boolean;
  options: (relay: RelayAddress, tries: readonly number[]) => SessionOptions;
}

export interface Opened {
  session: Session;
  relay: RelayAddress;
}

/** Opens a session; the reason if no relay would, `null` if the visitor no longer wants to. Never throws. */
export async function openNearest(admission: Admission, way: Way): Promise<Opened | Reason | null> {
  let failure: Reason = 'connection_lost';
  try {
    const { openSession } = await way.loadMedia();
    const raced = way.now();
    const relays = await raceRelays(admission.relays, { fetch: way.fetch, timeout: 3_000 });
    const answeredIn = relays.length < 2 ? way.answeredIn : way.now() - raced;
    for (const relay of relays) {
      if (!way.wanted()) return null;
      try {
        const tries = relayTries(relay === relays[0] ? answeredIn : Infinity);
        const session = await openSession(way.options(relay, tries));
        if (way.wanted()) return { session, relay };
        await session.leave();
        return null;
      } catch (error) {
        if (error instanceof RelayRefused) {
          failure = error.reason;
          // Another address may hold the room; every other verdict is final.
          if (error.reason !== 'moved') return failure;
        }
      }
    }
  } catch {
    return failure;
  }
  return failure;
}
