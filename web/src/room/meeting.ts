// From the link to the end: the states a visit goes through. Knows no component and no media library.
import { batch, computed, effect, signal } from '@preact/signals';
import type { ConferenceInfo, RoomPage } from '../config/page';
import type { RoomParams } from '../config/params';
import { tradeHandoff, type FrameSession } from '../account/session';
import { join, type Admission, type Refusal } from './join';
import { outcomeOf, postToRelay, type OrderOutcome } from './orders';
import { openNearest } from './nearest';
import type { Phase } from './phase';
import { isFinal, type Ending, type Reason } from './reasons';
import { Backoff, doorOpen, milliseconds, nextLook, OPENS_BEFORE_MS } from './retry';
import { parseRules, type Order } from './rules';
import type { Session } from './session';
import type { Entry, Surroundings } from './surroundings';

/** How long we try to come back before we give up. */
const COME_BACK_FOR_MS = 60_000;
/** No try takes longer: where more time has passed, the machine was asleep. */
const LONGEST_TRY_MS = 20_000;

/** One visit to one meeting. */
export class Meeting {
  readonly phase = signal<Phase>({ at: 'starting' });
  readonly session = signal<Session | null>(null);
  readonly admission = signal<Admission | null>(null);
  /** The connection is gone and we are asking for another one. */
  readonly comingBack = signal(false);
  /** Seconds until another attempt is allowed, after too many. */
  readonly retryAfter = signal(0);
  readonly volume = signal(1);

  /** What a framed sign-in handed over. */
  private frameSession: FrameSession | null = null;
  private pin: string | null;
  private entry: Entry | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private relayUrl: string | null = null;
  /** Milliseconds that the platform took to answer last. */
  private answeredIn = 0;
  /** What the next session is to switch on: also after an ending, so that we come back as we were. */
  readonly want = signal({ mic: false, camera: false });
  /** Past the door in this visit, so that we come back as we were. */
  private wasIn = false;
  /** Counts visits, so that what belongs to a former one is dropped. */
  private visit = 0;

  constructor(
    private readonly page: RoomPage,
    private readonly params: RoomParams,
    private readonly around: Surroundings,
  ) {
    this.pin = params.pin;
    effect(() => {
      const [session, admission] = [this.session.value, this.admission.value];
      if (!session || !admission) return;
      const [mic, camera] = [session.micOn.value, session.cameraOn.value];
      around.keepStay({ token: admission.token, name: admission.name, mic, camera });
    });
  }

  /** Whether the visitor may be more than a guest, so that only `/conf/join` can judge. */
  private get mayOpen(): boolean {
    return this.params.moderatorToken !== null || this.frameSession !== null;
  }

  /** The name of who is signed in; empty where only the server knows it. */
  get accountName(): string | null {
    if (this.page.signedIn) return this.page.signedIn.name;
    return this.frameSession ? (this.frameSession.account?.name ?? '') : null;
  }

  get signedIn(): boolean {
    return this.page.signedIn !== null || this.frameSession !== null;
  }

  /** Where a signed-in visitor goes after the call: what the address says, else what the sign-in said. */
  get afterCallUrl(): string | null {
    if (!this.signedIn) return null;
    return (
      this.params.afterCallUrl ??
      this.frameSession?.afterCallUrl ??
      this.page.signedIn?.afterCallUrl ??
      null
    );
  }

  /** Moderators are made and unmade in the room: there its word counts. */
  readonly moderates = computed(() => {
    const here = this.around.roster.people.value.find((person) => person.isLocal);
    return here ? here.moderator.value : this.admission.value?.role === 'moderator';
  });

  /** What holds for everybody in the room; as it was last told while we come back. */
  readonly rules = signal(parseRules(undefined));

  /** Decides what the visitor sees first. `able` tells whether this browser can meet at all. */
  async start(able = true): Promise<void> {
    if (!able) {
      this.finish('unsupported');
      return;
    }
    if (this.params.handoff) {
      this.frameSession = await tradeHandoff(this.around.fetch, this.params.handoff);
    }
    this.show(this.page.conference);
  }

  private show(conference: ConferenceInfo): void {
    const { state, startsAt, opensAt, subject } = conference;
    if (state === 'not_found' || state === 'ended') this.finish(state);
    else if (this.mustRegister(conference)) this.finish('unregistered');
    else if (state === 'not_started' && !this.mayOpen) this.wait(startsAt, opensAt, subject);
    else this.phase.value = { at: 'lobby' };
  }

  // Whoever brings a pass, or was in, is judged at the door.
  private mustRegister(conference: ConferenceInfo): boolean {
    const leads = this.mayOpen || this.page.signedIn?.moderator;
    const known = this.params.pass !== null || this.around.stay !== null;
    return conference.registration !== null && !known && !leads;
  }

  /** Goes in under a name. */
  async enter(entry: Entry): Promise<void> {
    this.entry = entry;
    this.want.value = { mic: entry.wantMic, camera: entry.wantCamera };
    await this.attempt(this.beginVisit());
  }

  async enterPin(pin: string): Promise<void> {
    this.pin = pin;
    await this.attempt(this.beginVisit());
  }

  /** After an ending: goes in again as before, or to the name and device check. */
  async again(): Promise<void> {
    if (this.entry) await this.attempt(this.beginVisit());
    else this.phase.value = { at: 'lobby' };
  }

  /** Whether the visitor has been through the name and device check. */
  get hasEntered(): boolean {
    return this.entry !== null;
  }

  /** After a lost connection, without being asked to: into the same meeting, or not at all. */
  async goBack(): Promise<void> {
    const former = this.admission.peek();
    if (!former || !this.entry) return;
    this.phase.value = { at: 'joining' };
    await this.backIn(former);
  }

  private beginVisit(): number {
    this.stopTimer();
    this.visit += 1;
    return this.visit;
  }

  private async attempt(visit: number): Promise<void> {
    const { entry } = this;
    if (!entry) return;
    const fromPin = this.phase.value.at === 'pin';
    const waiting = this.phase.value.at === 'waiting';
    if (!fromPin && !waiting) this.phase.value = { at: 'joining' };
    this.wasIn = false;
    this.rules.value = parseRules(undefined);
    const media = this.around.loadMedia();
    media.catch(() => undefined);
    const outcome = await this.askAnew(entry.name);
    if (visit !== this.visit) return;
    if (!outcome.ok) {
      this.refused(outcome.refusal);
      return;
    }
    this.phase.value = { at: 'joining' };
    this.admission.value = outcome.admission;
    const failure = await this.connect(outcome.admission, visit);
    if (visit !== this.visit) return;
    if (failure) this.finish(failure === 'connection_lost' ? 'error' : failure);
    else this.goIn(visit);
  }

  // Past the relay's door, or in front of it until a moderator opens.
  private goIn(visit: number): void {
    const session = this.session.peek();
    if (!session) return;
    if (!session.waiting.peek()) {
      this.inside(session);
      return;
    }
    this.phase.value = { at: 'knocking' };
    const stop = session.waiting.subscribe((waiting) => {
      if (waiting) return;
      stop();
      if (visit === this.visit) this.inside(session);
    });
  }

  private inside(session: Session): void {
    session.rules.subscribe((rules) => {
      if (this.session.peek() === session) this.rules.value = rules;
    });
    this.phase.value = { at: 'in' };
  }

  // Who was here before comes back under the same number, in the same role. Where that meeting is over, or its token worth
  // nothing any more, we come like anybody else.
  private async askAnew(name: string) {
    const former = this.admission.peek()?.token ?? this.around.stay?.token ?? null;
    const outcome = await this.ask(name, former);
    if (outcome.ok || former === null) return outcome;
    const { refusal } = outcome;
    const over = refusal.kind === 'reason' && ['ended', 'expired'].includes(refusal.reason);
    return over || refusal.kind === 'error' ? this.ask(name, null) : outcome;
  }

  private async ask(name: string, token: string | null) {
    const { page, params } = this;
    const asked = this.around.now();
    const outcome = await join(
      this.around.fetch,
      {
        code: page.code,
        ...(name ? { name } : {}),
        ...(page.encrypted ? { encrypted: true } : {}),
        ...(this.pin ? { pin: this.pin } : {}),
        ...(params.moderatorToken ? { moderator_token: params.moderatorToken } : {}),
        ...(params.pass ? { pass: params.pass } : {}),
        ...(params.observer ? { observer: true } : {}),
        ...(token ? { token } : {}),
      },
      this.frameSession?.token ?? null,
    );
    this.answeredIn = this.around.now() - asked;
    return outcome;
  }

  private refused(refusal: Refusal): void {
    switch (refusal.kind) {
      case 'not_found':
      case 'unregistered':
        this.finish(refusal.kind);
        break;
      case 'busy':
        this.busy(refusal.retryAfter);
        break;
      case 'reason':
        if (refusal.reason === 'wrong_pin') {
          this.around.keepStay(null);
          this.phase.value = { at: 'pin', wrong: this.pin !== null };
          this.pin = null;
        } else if (refusal.reason === 'not_started') {
          const { startsAt, opensAt } = this.page.conference;
          const known = startsAt === refusal.startsAt ? opensAt : null;
          this.wait(refusal.startsAt, known, refusal.subject);
        } else this.finish(refusal.reason);
        break;
      case 'error':
        // What is kept may be what is wrong.
        this.around.keepStay(null);
        this.finish('error');
        break;
      default:
        this.finish('error');
    }
  }

  private busy(seconds: number): void {
    this.retryAfter.value = seconds;
    const tick = () => {
      this.retryAfter.value = Math.max(0, this.retryAfter.value - 1);
      if (this.retryAfter.value > 0) this.timer = setTimeout(tick, 1000);
    };
    this.stopTimer();
    this.timer = setTimeout(tick, 1000);
    if (this.phase.value.at !== 'pin') this.phase.value = { at: 'over', ending: 'busy' };
  }

  // --- too early

  private wait(starts: string | null, opens: string | null, subject: string | null): void {
    const startsAt = milliseconds(starts);
    const opensAt = milliseconds(opens) ?? (startsAt === null ? null : startsAt - OPENS_BEFORE_MS);
    const before = this.phase.peek();
    const same = before.at === 'waiting' && before.startsAt === startsAt;
    if (!same) this.phase.value = { at: 'waiting', startsAt, opensAt, subject };
    this.lookLater(opensAt);
  }

  private lookLater(opensAt: number | null): void {
    const { now, random } = this.around;
    this.stopTimer();
    const after = nextLook(opensAt, now(), random());
    this.timer = setTimeout(() => void this.tryDoor(opensAt), after);
  }

  private async tryDoor(opensAt: number | null): Promise<void> {
    if (!doorOpen(opensAt, this.around.now())) this.lookLater(opensAt);
    else if (this.entry) await this.attempt(this.beginVisit());
    else {
      // Nobody has been asked for a name yet, so that we can only look whether the door is open.
      const visit = this.beginVisit();
      const conference = await this.around.look();
      if (visit !== this.visit) return;
      if (conference) this.show(conference);
      else this.lookLater(opensAt);
    }
  }

  // --- connecting, and coming back

  /** Opens a session on the nearest relay; the reason if none would. */
  private async connect(admission: Admission, visit: number): Promise<Reason | null> {
    const { fetch, now, loadMedia } = this.around;
    const opened = await openNearest(admission, {
      fetch,
      now,
      loadMedia,
      answeredIn: this.answeredIn,
      wanted: () => visit === this.visit,
      options: (relay, tries) => this.options(admission, relay, tries, visit),
    });
    if (opened === null || typeof opened === 'string') return opened;
    const { session, relay } = opened;
    // Switched off while we came back.
    const { mic, camera } = this.want.peek();
    if (!mic && session.micOn.peek()) void session.setMic(false, null);
    if (!camera && session.cameraOn.peek()) void session.setCamera(false, null);
    this.relayUrl = relay.url;
    this.session.value = session;
    return null;
  }

  private options(
    admission: Admission,
    relay: Admission['relays'][number],
    tries: readonly number[],
    visit: number,
  ) {
    const { params, around, entry } = this;
    const want = this.want.peek();
    return {
      admission,
      relay,
      tries,
      roster: around.roster,
      observer: params.observer,
      lines: Math.min(params.resolution, admission.media.maxResolution),
      takeMic: async () => entry?.takeMic() ?? null,
      takeCamera: async () => entry?.takeCamera() ?? null,
      wantMic: want.mic,
      wantCamera: want.camera,
      devices: around.devices(),
      volume: this.volume.peek(),
      returning: this.wasIn,
      ended: (reason: Reason) => {
        if (visit === this.visit) void this.lost(reason);
      },
      deviceFailed: around.deviceFailed,
      mutedByOther: around.mutedByOther,
      askedToUnmute: around.askedToUnmute,
    };
  }

  private async lost(reason: Reason): Promise<void> {
    if (reason !== 'connection_lost' && reason !== 'moved') {
      this.finish(reason);
      return;
    }
    const before = this.session.peek();
    if (before) {
      this.want.value = { mic: before.micOn.peek(), camera: before.cameraOn.peek() };
      // A second break, at the door, does not undo that we were in.
      if (!before.waiting.peek()) this.wasIn = true;
    }
    const former = this.admission.peek();
    // First, so that nobody seems to be back in between.
    this.comingBack.value = former !== null;
    this.session.value = null;
    this.around.roster.darken();
    if (former) await this.backIn(former);
  }

  private async backIn(former: Admission): Promise<void> {
    const visit = this.beginVisit();
    const verdict = await this.comeBack(former, visit);
    if (verdict) this.finish(verdict);
    if (verdict || visit !== this.visit) return;
    // In one step, so that nobody seems to be back who is at the door again.
    batch(() => {
      this.comingBack.value = false;
      this.goIn(visit);
    });
  }

  // The old token keeps our number and name. While the control plane is away it still opens any
  // address that we were given.
  private async comeBack(former: Admission, visit: number): Promise<Reason | null> {
    let left = COME_BACK_FOR_MS;
    const backoff = new Backoff(this.around.random);
    let admission = former;
    for (;;) {
      const began = this.around.now();
      const outcome = await this.ask(former.name, former.token);
      if (visit !== this.visit) return null;
      if (outcome.ok) {
        admission = outcome.admission;
        // Another meeting has the code now: whoever wants to be there joins it.
        if (admission.conference.id !== former.conference.id) return 'moved';
        this.admission.value = admission;
      } else if (outcome.refusal.kind === 'reason') return outcome.refusal.reason;
      else if (outcome.refusal.kind === 'not_found') return 'ended';
      const failure = await this.connect(admission, visit);
      if (visit !== this.visit) return null;
      if (failure === null) return null;
      if (failure !== 'connection_lost' && failure !== 'moved') return failure;
      if (left <= 0) return failure;
      await backoff.pause();
      if (visit !== this.visit) return null;
      left -= Math.min(this.around.now() - began, LONGEST_TRY_MS);
    }
  }

  /** While we come back: what is to be on then. */
  wish(name: 'mic' | 'camera', on: boolean): void {
    const admission = this.admission.peek();
    if (!this.comingBack.peek() || !admission) return;
    this.want.value = { ...this.want.peek(), [name]: on };
    const { token, name: ours } = admission;
    this.around.keepStay({ token, name: ours, ...this.want.peek() });
  }

  // --- leaving

  /** Leaves of one's own will, for the reason given. */
  async leave(reason: Ending = 'left'): Promise<void> {
    const session = this.session.peek();
    this.finish(reason);
    this.around.keepStay(null);
    await session?.leave();
  }

  /** Ends the meeting for everybody; false if the relay would not. */
  async endForAll(): Promise<boolean> {
    const done = (await this.toRelay('/room/end', {})) === 200;
    if (done) await this.leave('ended');
    return done;
  }

  /** Has the relay do what a moderator may. */
  async moderate(order: Order): Promise<OrderOutcome> {
    return outcomeOf(order, await this.toRelay('/room/control', order));
  }

  private async toRelay(path: string, body: object): Promise<number> {
    const admission = this.admission.peek();
    if (!admission || !this.relayUrl) return 0;
    return postToRelay(this.around.fetch, `${this.relayUrl}${path}`, admission.token, body);
  }

  private finish(ending: Ending): void {
    this.beginVisit();
    const before = this.phase.peek();
    const session = this.session.peek();
    if (session) this.want.value = { mic: session.micOn.peek(), camera: session.cameraOn.peek() };
    // A page that is left, and may be loaded again, says goodbye too.
    if (ending !== 'left' && isFinal(ending)) this.around.keepStay(null);
    this.session.value = null;
    this.comingBack.value = false;
    this.phase.value = { at: 'over', ending };
    this.around.roster.clear();
    if (before.at !== 'over') this.around.left(ending);
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
