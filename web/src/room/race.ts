// Finding the relay that answers first. No token travels: only the winner gets to see one.
import type { Fetch, RelayAddress } from './join';

export interface RaceOptions {
  fetch: Fetch;
  /** Milliseconds after which a silent relay has lost. */
  timeout: number;
}

/**
 * Orders the relays by who answers `GET /` first; those that fail come last, in the order given.
 * One address alone is not asked: connecting to it is the question.
 */
export async function raceRelays(
  relays: readonly RelayAddress[],
  { fetch, timeout }: RaceOptions,
): Promise<RelayAddress[]> {
  if (relays.length < 2) return [...relays];
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeout);
  const ask = async (relay: RelayAddress): Promise<RelayAddress> => {
    const response = await fetch(`${relay.url}/`, {
      method: 'GET',
      mode: 'cors',
      cache: 'no-store',
      credentials: 'omit',
      signal: abort.signal,
    });
    if (!response.ok) throw new Error(`relay answered ${response.status}`);
    return relay;
  };
  try {
    const winner = await Promise.any(relays.map(ask));
    return [winner, ...relays.filter((relay) => relay !== winner)];
  } catch {
    return [...relays];
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}
