// The way to a relay: the nearest that takes us.
import type { Admission, Fetch, RelayAddress } from './join';
import { raceRelays } from './race';
import type { Reason } from './reasons';
import { socketTries } from './retry';
import { RelayRefused, type OpenSession, type Session, type SessionOptions } from './session';

export interface Way {
  fetch: Fetch;
  now: () => number;
  loadMedia: () => Promise<{ openSession: OpenSession }>;
  /** Milliseconds that the platform took to answer last: what a round trip to a relay may need, where there is one alone. */
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
    // The race was run by new connections, as signalling is.
    const expected = relays.length < 2 ? roundTrips(relays) * way.answeredIn : way.now() - raced;
    for (const relay of relays) {
      if (!way.wanted()) return null;
      try {
        const tries = socketTries(relay === relays[0] ? expected : Infinity);
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

// Until a WebSocket is open: one of TCP, of TLS 1.3 and of HTTP each.
function roundTrips([relay]: readonly RelayAddress[]): number {
  return relay?.url.startsWith('https:') ? 3 : 2;
}
