// The people of a meeting, as signals that components read.
import { signal, type Signal } from '@preact/signals';

/** Something that can be shown in a video element. */
export interface VideoSource {
  /** Identifies the stream; changes when the stream does. */
  id: string;
  attach: (element: HTMLVideoElement) => void;
  detach: (element: HTMLVideoElement) => void;
  /** Called once by every source's owner to learn when the sender's network paused it. */
  paused: Signal<boolean>;
  /** Not received yet, and there is nothing to attach: who would show it asks for it. Answers how to stop asking. */
  ask?: () => () => void;
}

export type Quality = 'unknown' | 'excellent' | 'good' | 'poor' | 'lost';

/** Somebody in the meeting. Identity and number never change; the rest does. */
export class Person {
  readonly name: Signal<string>;
  readonly moderator = signal(false);
  readonly observer = signal(false);
  readonly micOn = signal(false);
  readonly camera = signal<VideoSource | null>(null);
  readonly screen = signal<VideoSource | null>(null);
  readonly speaking = signal(false);
  /** 0..1 */
  readonly level = signal(0);
  readonly quality = signal<Quality>('unknown');

  constructor(
    readonly identity: string,
    /** The number that embedding messages carry. */
    readonly number: number,
    readonly isLocal: boolean,
    name: string,
    /** Unix milliseconds. */
    readonly joinedAt: number,
  ) {
    this.name = signal(name);
  }
}

// What a reader takes for one letter: an emoji of several code points is one.
function firstLetter(word: string): string {
  for (const { segment } of new Intl.Segmenter().segment(word)) return segment;
  return '';
}

/** Up to two letters for the avatar. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const last = words.length > 1 ? firstLetter(words.at(-1) ?? '') : '';
  return ((firstLetter(words[0] ?? '') || '?') + last).toLocaleUpperCase();
}

/** A steady colour index, 0 to `count - 1`, for an identity. */
export function hueOf(identity: string, count: number): number {
  let hash = 2166136261;
  for (const char of identity) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619);
  return (hash >>> 0) % count;
}

/**
 * The order of tiles: ourselves first, then by arrival, but whoever speaks and would not be on the
 * first page takes the place of the one there who has been silent longest.
 */
export function galleryOrder(
  people: readonly Person[],
  pageSize: number,
  lastSpoke: ReadonlyMap<string, number>,
): Person[] {
  const order = [...people].sort(
    (a, b) =>
      Number(b.isLocal) - Number(a.isLocal) || a.joinedAt - b.joinedAt || a.number - b.number,
  );
  if (order.length <= pageSize || pageSize < 2) return order;
  const spoke = (person: Person) => lastSpoke.get(person.identity) ?? 0;
  const outside = order
    .slice(pageSize)
    .filter((person) => spoke(person) > 0)
    .sort((a, b) => spoke(b) - spoke(a));
  for (const speaker of outside) {
    let quietest = 1;
    for (let index = 1; index < pageSize; index += 1) {
      const here = order[index];
      const least = order[quietest];
      if (here && least && spoke(here) < spoke(least)) quietest = index;
    }
    const silent = order[quietest];
    if (!silent || spoke(silent) >= spoke(speaker)) break;
    order[order.indexOf(speaker)] = silent;
    order[quietest] = speaker;
  }
  return order;
}
