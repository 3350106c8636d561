// When to try again.

/** A meeting's door opens this long before its start, where the server has not said when. */
export const OPENS_BEFORE_MS = 15 * 60_000;
const LONGEST_TIMER_MS = 60 * 60_000;
const KNOCK_EVERY_MS = 8_000;
/** A relay that does not answer within this time has not heard us, however near (RFC 8305 §8 lets it be 100 ms). */
const RELAY_SOON_MS = 150;
/** No relay takes longer. */
const RELAY_SILENT_MS = 8_000;

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
 * How long each try waits for a relay to open the connection, in milliseconds, where it, or the platform, has just answered
 * in `answeredIn`. A lost first packet of TCP is sent again only after a second (RFC 6298), so a new connection is faster.
 */
export function relayTries(answeredIn: number): number[] {
  const soon = Math.max(RELAY_SOON_MS, 4 * answeredIn);
  return soon <= 1_000 ? [soon, soon, 4 * soon, RELAY_SILENT_MS] : [RELAY_SILENT_MS];
}
