// Everybody in the meeting, kept over reconnections, and who has the floor.
import { batch, signal } from '@preact/signals';
import { EMPTY_FLOOR, floorDue, nextFloor, withoutSpeaker, type Floor } from './speakers';
import { Person } from './people';

export interface Arrival {
  identity: string;
  number: number;
  name: string;
  isLocal: boolean;
  /** Unix milliseconds. */
  joinedAt: number;
}

/** Somebody who waits to be let in; only moderators know. */
export interface Waiting {
  identity: string;
  number: number;
  name: string;
}

export interface RosterListener {
  arrived?: (person: Person) => void;
  gone?: (person: Person) => void;
}

/** The people of one meeting. Sessions fill it; components read it. */
export class Roster {
  readonly people = signal<readonly Person[]>([]);
  /** In order of their coming. */
  readonly waiting = signal<readonly Waiting[]>([]);
  /** Identity of whoever has the stage. */
  readonly floor = signal<string | null>(null);
  readonly lastSpoke = signal<ReadonlyMap<string, number>>(new Map());

  private state: Floor = EMPTY_FLOOR;
  private speakers: readonly string[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly now: () => number,
    private readonly listener: RosterListener = {},
  ) {}

  find(identity: string): Person | undefined {
    return this.people.peek().find((person) => person.identity === identity);
  }

  byNumber(number: number): Person | undefined {
    return this.people.peek().find((person) => person.number === number);
  }

  get local(): Person | undefined {
    return this.people.peek().find((person) => person.isLocal);
  }

  /** Somebody waits at the door, and so is not in the room. */
  wait(waiting: Waiting): void {
    this.leaveRoom(waiting.identity);
    const others = this.waiting.peek();
    const at = others.findIndex(({ identity }) => identity === waiting.identity);
    if (others[at]?.name === waiting.name) return;
    this.waiting.value = at < 0 ? [...others, waiting] : others.with(at, waiting);
  }

  private waitIsOver(identity: string): void {
    if (this.waiting.peek().some((other) => other.identity === identity)) {
      this.waiting.value = this.waiting.peek().filter((other) => other.identity !== identity);
    }
  }

  /** Adds somebody, or finds them again after a reconnection. */
  arrive(arrival: Arrival): Person {
    const known = this.find(arrival.identity);
    if (known) {
      this.waitIsOver(arrival.identity);
      known.name.value = arrival.name;
      return known;
    }
    const { identity, number, isLocal, name, joinedAt } = arrival;
    const person = new Person(identity, number, isLocal, name, joinedAt);
    this.people.value = [...this.people.peek(), person];
    this.waitIsOver(identity);
    this.listener.arrived?.(person);
    return person;
  }

  leave(identity: string): void {
    this.waitIsOver(identity);
    this.leaveRoom(identity);
  }

  private leaveRoom(identity: string): void {
    const person = this.find(identity);
    if (!person) return;
    batch(() => {
      this.people.value = this.people.peek().filter((other) => other !== person);
      this.state = withoutSpeaker(this.state, identity);
      this.speakers = this.speakers.filter((other) => other !== identity);
      this.floor.value = this.state.holder;
    });
    this.listener.gone?.(person);
  }

  /** After a reconnection: whoever is not in `identities` has gone meanwhile. */
  keepOnly(identities: ReadonlySet<string>): void {
    for (const { identity } of [...this.people.peek(), ...this.waiting.peek()]) {
      if (identity !== this.local?.identity && !identities.has(identity)) this.leave(identity);
    }
  }

  /** Takes note of who speaks, loudest first. */
  hear(levels: readonly { identity: string; level: number }[]): void {
    const now = this.now();
    batch(() => {
      const byIdentity = new Map(levels.map(({ identity, level }) => [identity, level]));
      const lastSpoke = new Map(this.lastSpoke.peek());
      for (const person of this.people.peek()) {
        const level = byIdentity.get(person.identity);
        person.speaking.value = level !== undefined;
        person.level.value = level ?? 0;
        if (level !== undefined) lastSpoke.set(person.identity, now);
      }
      this.lastSpoke.value = lastSpoke;
      // Our own voice does not put us on our own stage.
      const local = this.local?.identity;
      this.speakers = levels.map(({ identity }) => identity).filter((other) => other !== local);
      this.turn();
    });
  }

  private turn(): void {
    const now = this.now();
    this.state = nextFloor(this.state, this.speakers, now);
    this.floor.value = this.state.holder;
    if (this.timer !== null) clearTimeout(this.timer);
    const due = floorDue(this.state);
    this.timer = due === null ? null : setTimeout(() => this.turn(), Math.max(50, due - now));
  }

  /** Nothing comes from anybody for a while. */
  darken(): void {
    this.hear([]);
    for (const person of this.people.peek()) {
      person.camera.value = null;
      person.screen.value = null;
    }
  }

  clear(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.people.value = [];
    this.waiting.value = [];
    this.state = EMPTY_FLOOR;
    this.speakers = [];
    this.floor.value = null;
  }
}
