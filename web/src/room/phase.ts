// Where a visit to a meeting is.
import type { Ending } from './reasons';

export type Phase =
  | { at: 'starting' }
  | { at: 'lobby' }
  | { at: 'pin'; wrong: boolean }
  /** Too early. `startsAt` is unknown where it is the host who opens the meeting. */
  | ({ at: 'waiting' } & Wait)
  | { at: 'joining' }
  /** At the relay, until a moderator lets us in. */
  | { at: 'knocking' }
  | { at: 'in' }
  | { at: 'over'; ending: Ending };

export interface Wait {
  /** Unix milliseconds, as the next. */
  startsAt: number | null;
  opensAt: number | null;
  subject: string | null;
}
