// When to try again.

/** A meeting's door opens this long before its start, where the server has not said when. */
export const OPENS_BEFORE_MS = 15 * 60_000;
const LONGEST_TIMER_MS = 60 * 60_000;
const KNOCK_EVERY_MS = 8_000;
/** A connection has at least this time to open, however near the relay (RFC 8305 §8). */
const SOON_MS = 100;

/** A time of ISO 8601 in Unix milliseconds; `null` if it is none. */
export function milliseconds(time: string | null): number | null {
  const parsed = time === null ? NaN : Date.parse(time);
  return Number.isFinite(parsed) ? parsed : null;
}

/** Whether it makes sense to ask at the door. Where the host opens, it always does. */
export function doorOpen(opensAt: number | null, now: number): boolean {
  return opensAt === null || opensAt <= now;
}

/**
 * Milliseconds from `now` until the next look at the door. `chance` (0..1) spreads people over a few
 * seconds, since all wait for the same minute.
 */
export function nextLook(opensAt: number | null, now: number, chance: number): number {
  if (opensAt === null || doorOpen(opensAt, now)) return KNOCK_EVERY_MS + chance * 4_000;
  const opensIn = opensAt - now;
  return opensIn > LONGEST_TIMER_MS ? LONGEST_TIMER_MS : opensIn + 250 + chance * 2_500;
}

/** Growing pauses with jitter. */
export class Backoff {
  private count = 0;

  constructor(private readonly random: () => number) {}

  /** The next pause in milliseconds: about 0.3, 0.6, 1.2, 2.4, then 4 seconds. */
  next(): number {
    const base = Math.min(4_000, 300 * 2 ** this.count);
    this.count += 1;
    return base * (0.75 + this.random() * 0.5);
  }

  pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.next()));
  }
}

/**
 * After how many milliseconds each a connection to a relay is given up for another, where opening one takes about `expected`
 * if nothing is lost: long enough for TCP to repair a loss that it sees (RFC 8985). Where that is long, the system has sent
 * again by then what it sees no loss of, such as its first packet.
 */
export function socketTries(expected: number): number[] {
  const soon = Math.max(SOON_MS, Math.round(1.8 * expected));
  return soon <= 1_000 ? [soon, soon, 2 * soon, 4 * soon] : [];
}
