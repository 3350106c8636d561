// Everything behind the room page, put together: what components read and what they can ask for.
import { computed, effect, signal, untracked, type ReadonlySignal } from '@preact/signals';
import type { Keeper, Stay } from '../../config/kept';
import type { RoomPage } from '../../config/page';
import {
  safeTarget,
  visibleControls,
  withoutSecrets,
  type Control,
  type RoomParams,
  type View,
} from '../../config/params';
import { remember, remembered } from '../../config/remembered';
import { Toasts } from '../../components/toasts';
import { t, type TextKey } from '../../i18n/text';
import { Devices, type DeviceKind, type DeviceProblem, type MediaName } from '../../room/devices';
import { Meeting } from '../../room/meeting';
import type { Person } from '../../room/people';
import type { Ending } from '../../room/reasons';
import { Roster } from '../../room/roster';
import type { OneAction, Order } from '../../room/rules';
import type { Session } from '../../room/session';
import { commandsOf } from './commands';
import { look } from './look';
import { announce } from './notices';
import { Outward } from './outward';

/** Somebody who is gone this short a time has not left. */
const COMES_BACK_WITHIN_MS = 3_000;

/** Those who arrive this soon after us were here before, or come back as we do. */
const ALL_ARRIVE_WITHIN_MS = 2_000;

/** Whose connection was lost longer ago is asked before they are seen and heard again. */
const COMES_BACK_ALONE_WITHIN_MS = 10 * 60_000;

export class RoomModel {
  /** Our stay in the meeting before the page was loaded again. */
  readonly stay: Stay | null;
  readonly toasts = new Toasts();
  readonly roster: Roster;
  readonly devices: Devices;
  readonly meeting: Meeting;
  readonly controls: ReadonlySet<Control>;
  readonly view = signal<View>('gallery');
  readonly panel = signal<'people' | null>(null);
  readonly dialog = signal<'settings' | 'leave' | 'end' | 'remove' | null>(null);
  /** We are asked to unmute, in a dialog that waits for its turn; `by` is `null` for somebody outside the room. */
  readonly asked = signal<{ by: Person | null } | null>(null);
  /** Whom the dialog asks to remove. */
  readonly removing = signal<Person | null>(null);
  readonly dialogOpen = computed(() => this.dialog.value !== null || this.asked.value !== null);
  readonly incomingVideo = signal(true);
  readonly mirror = signal(remembered('mirror') !== 'false');
  readonly shortcuts = signal(remembered('shortcuts') !== 'false');
  readonly fullscreen = signal(false);
  /** Seconds in the meeting. */
  readonly elapsed = signal(0);
  readonly others: ReadonlySignal<readonly Person[]>;
  readonly tiles: ReadonlySignal<readonly Person[]>;
  /** Whose screen is on the stage. */
  readonly sharer: ReadonlySignal<Person | null>;

  private readonly outward: Outward;
  /** When we first came in on this visit, and when we last did, in Unix milliseconds. */
  private since: number | null = null;
  private cameIn = 0;
  /** When the last visit was over, in Unix milliseconds. */
  private wentAt = 0;
  private unloading = false;
  /** Those who went a moment ago, by identity. */
  private readonly leaving = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(
    readonly page: RoomPage,
    readonly params: RoomParams,
    keeper: Pick<Keeper, 'stay' | 'keepStay'>,
    private readonly window: Window,
  ) {
    this.stay = keeper.stay;
    this.controls = visibleControls(params, page.hiddenControls);
    this.roster = new Roster(Date.now, {
      arrived: (person) => this.arrived(person),
      gone: (person) => this.gone(person),
    });
    this.devices = new Devices(params.resolution, window.navigator.mediaDevices);
    this.meeting = new Meeting(page, params, {
      fetch: (url, init) => window.fetch(url, init),
      look: () => look(window),
      now: Date.now,
      random: Math.random,
      loadMedia,
      roster: this.roster,
      devices: () => {
        const { audioinput, videoinput, audiooutput } = this.devices.chosen.value;
        return { mic: audioinput, camera: videoinput, speaker: audiooutput };
      },
      deviceFailed: (name, error) => this.deviceFailed(name, error),
      mutedByOther: (name) => this.toasts.show(t(`toast.muted.${name}`), { icon: `${name}Off` }),
      askedToUnmute: (by) => this.askedToUnmute(by),
      stay: this.stay,
      keepStay: (stay) => keeper.keepStay(stay),
      left: (ending) => this.left(ending),
    });
    this.view.value = params.view;
    this.others = computed(() => this.roster.people.value.filter((person) => !person.isLocal));
    this.tiles = computed(() => this.roster.people.value.filter((p) => !p.observer.value));
    this.sharer = computed(() => {
      const sharing = this.roster.people.value.filter((person) => person.screen.value);
      return sharing.find((person) => !person.isLocal) ?? sharing[0] ?? null;
    });
    this.outward = new Outward(window, page, params);
  }

  /** Opens the message channel and decides what is shown first. */
  async start(): Promise<void> {
    const { meeting, roster, devices, incomingVideo, params } = this;
    const watched = { meeting, roster, devices, incomingVideo, audioLevels: params.audioLevel };
    this.outward.open(watched, commandsOf(this));
    const { document } = this.window;
    document.addEventListener('fullscreenchange', () => {
      this.fullscreen.value = document.fullscreenElement !== null;
    });
    this.window.addEventListener('beforeunload', () => (this.unloading = true));
    this.window.addEventListener('pageshow', () => (this.unloading = false));
    this.window.addEventListener('online', () => void this.networkIsBack());
    this.window.addEventListener('pagehide', () => this.outward.goes(meeting.phase.peek()));
    this.watch();
    this.passLobby();
    await this.meeting.start('RTCPeerConnection' in this.window);
  }

  private watch(): void {
    effect(() => {
      if (this.meeting.phase.value.at !== 'in') {
        this.dialog.value = null;
        this.asked.value = null;
        return undefined;
      }
      this.cameIn = Date.now();
      this.since ??= this.cameIn;
      const { since } = this;
      const tick = () => (this.elapsed.value = Math.floor((Date.now() - since) / 1000));
      tick();
      const timer = setInterval(tick, 1000);
      return () => clearInterval(timer);
    });
    announce(this);
  }

  /** How the visitor goes in: by the device check, by one click, or straight on. */
  readonly entrance = signal<'lobby' | 'one_click' | 'direct'>('lobby');

  /** The name that the visitor goes by, where it is known without asking. */
  get knownName(): string | null {
    return this.params.name ?? this.meeting.accountName ?? this.stay?.name ?? null;
  }

  /** What to open at first: nothing that the address says is off, or that was off before the page was loaded again. */
  get wanted(): { mic: boolean; camera: boolean } {
    const { stay, params } = this;
    return {
      mic: !params.muteMic && (stay?.mic ?? true),
      camera: !params.muteCamera && !params.observer && (stay?.camera ?? true),
    };
  }

  /** Goes in without the device check. */
  async goDirectly(): Promise<void> {
    const { devices } = this;
    this.entrance.value = 'direct';
    const want = this.wanted;
    if (want.mic || want.camera) await devices.open(want);
    const { mic, camera } = devices.preview.peek();
    const denied = (name: MediaName) =>
      want[name] && ['blocked', 'policy'].includes(devices.problems.peek()[name] ?? '');
    if (!mic && !camera && (denied('mic') || denied('camera'))) {
      await this.meeting.leave('media_denied');
      return;
    }
    await this.enterDirectly(mic !== null, camera !== null);
  }

  /** Goes in to see and hear only. */
  async goWithout(): Promise<void> {
    this.outward.returns();
    await this.enterDirectly(false, false);
  }

  private async enterDirectly(mic: boolean, camera: boolean): Promise<void> {
    await this.meeting.enter({
      name: this.knownName ?? '',
      takeMic: () => this.devices.take('mic'),
      takeCamera: () => this.devices.take('camera'),
      wantMic: mic,
      wantCamera: camera,
    });
  }

  // Whenever the lobby's turn comes, first or after waiting, `skip_join` passes it by. A page in a
  // window of its own still asks for one click before it opens a device.
  private passLobby(): void {
    effect(() => {
      if (this.meeting.phase.value.at !== 'lobby') return;
      if (!this.params.skipJoin || this.knownName === null) return;
      untracked(() => {
        const framed = this.window.parent !== this.window;
        if (framed || !(this.wanted.mic || this.wanted.camera)) void this.goDirectly();
        else this.entrance.value = 'one_click';
      });
    });
  }

  /** The connection is interrupted. */
  readonly away = computed(
    () =>
      this.meeting.comingBack.value || (this.meeting.session.value?.reconnecting.value ?? false),
  );

  /** The same, or nothing comes for a moment. */
  readonly cutOff = computed(
    () => this.away.value || (this.meeting.session.value?.silent.value ?? false),
  );

  /** Whether our microphone is on; while we come back, whether it will be. The same of our camera. */
  readonly micOn = computed(
    () => this.meeting.session.value?.micOn.value ?? this.meeting.want.value.mic,
  );
  readonly cameraOn = computed(
    () => this.meeting.session.value?.cameraOn.value ?? this.meeting.want.value.camera,
  );

  get sharing(): boolean {
    return this.meeting.session.peek()?.sharing.peek() ?? false;
  }

  shows(control: Control): boolean {
    return this.controls.has(control);
  }

  // --- coming and going

  // Those who were here before us are not news.
  private arrived(person: Person): void {
    const leaving = this.leaving.get(person.identity);
    clearTimeout(leaving);
    // Somebody whose connection broke and who is back is not news either.
    if (this.leaving.delete(person.identity)) return;
    if (person.isLocal || this.meeting.phase.peek().at !== 'in' || this.away.peek()) return;
    if (Date.now() - this.cameIn < ALL_ARRIVE_WITHIN_MS) return;
    this.toasts.show(t('toast.joined', { name: person.name.peek() }), { icon: 'people' });
  }

  private gone(person: Person): void {
    if (this.meeting.phase.peek().at !== 'in' || this.away.peek()) return;
    const { identity } = person;
    const tell = () => {
      this.leaving.delete(identity);
      this.toasts.show(t('toast.left', { name: person.name.peek() }), { icon: 'door' });
    };
    this.leaving.set(identity, setTimeout(tell, COMES_BACK_WITHIN_MS));
  }

  /** Whether the visitor was in this meeting at all. */
  get wasIn(): boolean {
    return this.cameIn > 0;
  }

  private left(ending: Ending): void {
    this.devices.closeAll();
    for (const timer of this.leaving.values()) clearTimeout(timer);
    this.leaving.clear();
    this.panel.value = null;
    this.since = null;
    this.wentAt = Date.now();
    this.elapsed.value = 0;
    if (this.window.document.fullscreenElement) void this.window.document.exitFullscreen();
    // A page that is loaded again goes on to no other one.
    if (this.outward.left(ending) && !this.unloading) this.goOn();
  }

  private goOn(): void {
    const target = safeTarget(this.meeting.afterCallUrl, this.window.location.href);
    if (target) this.window.location.assign(target);
    else if (this.params.autoClose && this.window.opener) this.window.close();
  }

  /** Back in after an ending. */
  async again(): Promise<void> {
    this.outward.returns();
    const { phase } = this.meeting;
    const before = phase.peek();
    if (before.at === 'over' && before.ending === 'media_denied') await this.goDirectly();
    else {
      this.passDeviceCheck();
      await this.meeting.again();
    }
  }

  // Who went through the device check is not shown it on the way in again: it would open what was off.
  private passDeviceCheck(): void {
    if (this.meeting.hasEntered) this.entrance.value = 'direct';
  }

  // Whose connection was lost a short while ago is back as soon as there is a network again.
  private async networkIsBack(): Promise<void> {
    const phase = this.meeting.phase.peek();
    const lost = phase.at === 'over' && phase.ending === 'connection_lost';
    const { wentAt } = this;
    if (!lost || Date.now() - wentAt >= COMES_BACK_ALONE_WITHIN_MS) return;
    this.outward.returns();
    this.passDeviceCheck();
    await this.meeting.goBack();
    if (this.meeting.phase.peek().at === 'over') this.wentAt = wentAt;
  }

  // --- devices

  private deviceFailed(name: MediaName, error: unknown): void {
    const problem = this.devices.failed(name, error);
    this.toasts.show(t(`toast.device.${name}`, { problem: problemText(problem) }), {
      icon: `${name}Off`,
      alarming: true,
    });
  }

  async setMic(on: boolean): Promise<void> {
    const session = this.meeting.session.peek();
    if (!session) this.meeting.wish('mic', on);
    if (!session || session.micOn.peek() === on) return;
    // At the door nobody has the word yet.
    if (on && !session.mayUnmute.peek() && !session.waiting.peek()) {
      this.toasts.show(t('toast.listening'), { icon: 'micOff' });
      return;
    }
    if (on) this.asked.value = null;
    await this.setMedia(session, 'mic', on);
  }

  async setCamera(on: boolean): Promise<void> {
    const session = this.meeting.session.peek();
    if (!session && !this.params.observer) this.meeting.wish('camera', on);
    if (!session || this.params.observer || session.cameraOn.peek() === on) return;
    await this.setMedia(session, 'camera', on);
  }

  private async setMedia(session: Session, name: MediaName, on: boolean): Promise<void> {
    const { audioinput, videoinput } = this.devices.chosen.peek();
    // At the door it is noted, and opens inside.
    const opens = on && !session.waiting.peek();
    try {
      await (name === 'mic' ? session.setMic(on, audioinput) : session.setCamera(on, videoinput));
      if (opens) this.devices.opened(name);
      this.toasts.say(t(`toast.${name}.${on ? 'on' : 'off'}`));
    } catch (error) {
      this.deviceFailed(name, error);
    }
    void this.devices.refresh();
  }

  async setSharing(on: boolean): Promise<void> {
    const session = this.meeting.session.peek();
    if (!session || session.waiting.peek()) return;
    try {
      if (on) await session.startShare();
      else await session.stopShare();
    } catch {
      this.toasts.show(t('toast.share.failed'), { icon: 'shareOff', alarming: true });
    }
  }

  async chooseDevice(kind: DeviceKind, deviceId: string): Promise<void> {
    await this.devices.choose(kind, deviceId);
    const session = this.meeting.session.peek();
    if (!session) return;
    try {
      await session.switchDevice(kind, deviceId);
    } catch (error) {
      if (kind === 'audioinput') this.deviceFailed('mic', error);
      if (kind === 'videoinput') this.deviceFailed('camera', error);
    }
  }

  setVolume(volume: number): void {
    this.meeting.volume.value = volume;
    this.meeting.session.peek()?.setVolume(volume);
  }

  setMirror(on: boolean): void {
    this.mirror.value = on;
    remember('mirror', String(on));
  }

  setShortcuts(on: boolean): void {
    this.shortcuts.value = on;
    remember('shortcuts', String(on));
  }

  // --- the page

  async toggleFullscreen(): Promise<void> {
    const { document } = this.window;
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await document.documentElement.requestFullscreen();
    } catch {
      // The framing page does not allow it; the button then has no effect.
    }
  }

  get canFullscreen(): boolean {
    return this.window.document.fullscreenEnabled;
  }

  get canShare(): boolean {
    const media = this.window.navigator.mediaDevices as MediaDevices | undefined;
    return media !== undefined && 'getDisplayMedia' in media;
  }

  togglePanel(): void {
    this.panel.value = this.panel.peek() === 'people' ? null : 'people';
  }

  nextView(): void {
    const order: readonly View[] = ['gallery', 'bottom_speaker', 'left_side_speaker'];
    const at = order.indexOf(this.view.peek());
    this.view.value = order[(at + 1) % order.length] ?? 'gallery';
  }

  async copyLink(): Promise<void> {
    const link = withoutSecrets(new URL(this.window.location.href));
    link.search = this.page.encrypted ? '?encrypted_pin=true' : '';
    try {
      await this.window.navigator.clipboard.writeText(link.href);
      this.toasts.show(t('toast.copied'), { icon: 'link' });
    } catch {
      this.toasts.show(t('toast.copy.failed'), { icon: 'warning' });
    }
  }

  /** The leave button: moderators choose, others go. */
  async askToLeave(): Promise<void> {
    if (this.meeting.moderates.peek() && this.shows('end')) this.dialog.value = 'leave';
    else await this.meeting.leave();
  }

  // --- what moderators do

  /** Does it to one person, by number. */
  async moderate(action: OneAction, participant: number): Promise<void> {
    await this.order({ action, participant });
  }

  /** Does what concerns everybody, or one. Somebody who is gone meanwhile needs nothing more. */
  async order(order: Order): Promise<boolean> {
    const outcome = await this.meeting.moderate(order);
    const alarm = (text: string) => this.toasts.show(text, { icon: 'warning', alarming: true });
    if (outcome === 'full') alarm(t('toast.order.full'));
    else if (outcome === 'failed') alarm(t('toast.order.failed'));
    return outcome === 'done';
  }

  /** Lets everybody in who waits, by one order: the relay limits how many it takes. */
  async admitAll(): Promise<void> {
    await this.order({ action: 'admit_all' });
  }

  async muteAll(): Promise<void> {
    if (await this.order({ action: 'mute_all' })) {
      this.toasts.show(t('toast.allMuted'), { icon: 'micOff' });
    }
  }

  askToRemove(person: Person): void {
    this.removing.value = person;
    this.dialog.value = 'remove';
  }

  private askedToUnmute(by: number | null): void {
    if (!this.shows('mic') || (this.meeting.session.peek()?.micOn.peek() ?? true)) return;
    this.asked.value = { by: by === null ? null : (this.roster.byNumber(by) ?? null) };
  }

  async endForAll(): Promise<void> {
    if (!(await this.meeting.endForAll())) {
      this.toasts.show(t('leave.failed'), { icon: 'warning', alarming: true });
    }
  }
}

/** The sentence for a device problem. */
export function problemText(problem: DeviceProblem): string {
  return t(`problem.${problem}` as TextKey);
}

/** Loads the media code; called early so that it is there when the visitor joins. */
export function loadMedia() {
  return import('../../room/livekit/session');
}
