// Who has the floor: steadies the list of speakers so that the stage does not jump.

export interface FloorOptions {
  /** Milliseconds somebody must speak before the stage turns to them. */
  takeAfter: number;
  /** Milliseconds the present speaker keeps the stage at least. */
  keepFor: number;
}

export interface Floor {
  holder: string | null;
  since: number;
  candidate: string | null;
  candidateSince: number;
}

export const EMPTY_FLOOR: Floor = { holder: null, since: 0, candidate: null, candidateSince: 0 };
export const FLOOR_OPTIONS: FloorOptions = { takeAfter: 700, keepFor: 2000 };

/**
 * The floor after hearing `speakers` (loudest first) at time `now`. An empty list leaves the floor
 * with whoever had it last.
 */
export function nextFloor(
  floor: Floor,
  speakers: readonly string[],
  now: number,
  options: FloorOptions = FLOOR_OPTIONS,
): Floor {
  const loudest = speakers[0];
  if (loudest === undefined) return { ...floor, candidate: null };
  if (floor.holder === null)
    return { holder: loudest, since: now, candidate: null, candidateSince: 0 };
  if (speakers.includes(floor.holder)) return { ...floor, candidate: null };
  if (floor.candidate !== loudest) return { ...floor, candidate: loudest, candidateSince: now };
  const ready =
    now - floor.candidateSince >= options.takeAfter && now - floor.since >= options.keepFor;
  return ready ? { holder: loudest, since: now, candidate: null, candidateSince: 0 } : floor;
}

/** The floor when somebody goes. */
export function withoutSpeaker(floor: Floor, identity: string): Floor {
  return {
    ...floor,
    holder: floor.holder === identity ? null : floor.holder,
    candidate: floor.candidate === identity ? null : floor.candidate,
  };
}

/** When `nextFloor` should be asked again though nothing was heard, or `null`. */
export function floorDue(floor: Floor, options: FloorOptions = FLOOR_OPTIONS): number | null {
  if (floor.candidate === null) return null;
  return Math.max(floor.candidateSince + options.takeAfter, floor.since + options.keepFor);
}
