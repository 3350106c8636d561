// Cameras, microphones and speakers: what there is, what is chosen, and the preview before joining.
import { computed, signal } from '@preact/signals';
import { remember, remembered } from '../config/remembered';
import { startLevelMeter } from './level';

export type DeviceKind = 'audioinput' | 'videoinput' | 'audiooutput';
export type MediaName = 'mic' | 'camera';

/** Why a device could not be opened. */
export type DeviceProblem =
  | 'blocked'
  /** The framing page does not allow it. */
  | 'policy'
  | 'missing'
  | 'in_use'
  | 'insecure'
  | 'failed';

const KEY = { audioinput: 'mic', videoinput: 'camera', audiooutput: 'speaker' } as const;
const KIND = { mic: 'audioinput', camera: 'videoinput' } as const;
const MEDIA = ['mic', 'camera'] as const;

/** What a failed `getUserMedia` means for the visitor. */
export function problemOf(error: unknown, allowedByPolicy: boolean): DeviceProblem {
  const name = error instanceof DOMException || error instanceof Error ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return allowedByPolicy ? 'blocked' : 'policy';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'in_use';
    default:
      return 'failed';
  }
}

/** Constraints for the chosen device; `ideal` so that an unplugged one does not fail the call. */
export function constraintsFor(
  name: MediaName,
  deviceId: string | null,
  lines: number,
): MediaTrackConstraints {
  const device = deviceId ? { deviceId: { ideal: deviceId } } : {};
  if (name === 'mic') {
    return { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  }
  return {
    ...device,
    width: { ideal: Math.round((lines * 16) / 9) },
    height: { ideal: lines },
    frameRate: { ideal: 30, max: 30 },
  };
}

function policyAllows(name: MediaName): boolean {
  const feature = name === 'mic' ? 'microphone' : 'camera';
  const policy = (
    document as Document & { featurePolicy?: { allowsFeature: (name: string) => boolean } }
  ).featurePolicy;
  return policy?.allowsFeature(feature) ?? true;
}

/** The visitor's devices. One per page. */
export class Devices {
  readonly all = signal<readonly MediaDeviceInfo[]>([]);
  readonly chosen = signal<Readonly<Record<DeviceKind, string | null>>>({
    audioinput: remembered('mic'),
    videoinput: remembered('camera'),
    audiooutput: remembered('speaker'),
  });
  readonly problems = signal<Readonly<Record<MediaName, DeviceProblem | null>>>({
    mic: null,
    camera: null,
  });
  readonly preview = signal<Readonly<Record<MediaName, MediaStreamTrack | null>>>({
    mic: null,
    camera: null,
  });
  readonly opening = signal<Readonly<Record<MediaName, boolean>>>({ mic: false, camera: false });
  /** Loudness of the preview's microphone, 0..1. */
  readonly level = signal(0);
  /** Media that the visitor has let this page use in this session. */
  readonly granted = new Set<MediaName>();
  readonly canChooseSpeaker = 'setSinkId' in HTMLMediaElement.prototype;
  readonly cameras = computed(() => this.list('videoinput'));
  readonly mics = computed(() => this.list('audioinput'));
  readonly speakers = computed(() => this.list('audiooutput'));

  private stopMeter: (() => void) | null = null;
  /** What is being opened, until it is there or has failed. */
  private readonly underway = new Map<MediaName, Promise<void>>();

  constructor(
    private readonly lines: number,
    private readonly media: MediaDevices | undefined,
  ) {
    media?.addEventListener('devicechange', () => void this.refresh());
  }

  /** Whether the preview of a device is open, or will be any moment. */
  isComing(name: MediaName): boolean {
    return this.preview.value[name] !== null || this.opening.value[name];
  }

  private list(kind: DeviceKind): MediaDeviceInfo[] {
    return this.all.value.filter((device) => device.kind === kind && device.deviceId !== '');
  }

  async refresh(): Promise<void> {
    try {
      this.all.value = (await this.media?.enumerateDevices()) ?? [];
    } catch {
      this.all.value = [];
    }
  }

  /** Opens what is asked for; a failure of one does not cost the other. */
  async open(want: { mic: boolean; camera: boolean }): Promise<void> {
    if (!this.media) {
      this.problems.value = { mic: 'insecure', camera: 'insecure' };
      return;
    }
    const names = MEDIA.filter((name) => want[name]);
    const opened = this.ask(names);
    for (const name of names) this.underway.set(name, opened);
    this.showOpening();
    await opened;
    for (const name of names) {
      if (this.underway.get(name) === opened) this.underway.delete(name);
    }
    this.showOpening();
    await this.refresh();
  }

  private async ask(names: readonly MediaName[]): Promise<void> {
    // One question to the visitor instead of two.
    if (names.length > 1 && (await this.request(names, true))) return;
    await Promise.all(names.map((name) => this.request([name])));
  }

  private showOpening(): void {
    this.opening.value = { mic: this.underway.has('mic'), camera: this.underway.has('camera') };
  }

  private async request(names: readonly MediaName[], quiet = false): Promise<boolean> {
    const constraint = (name: MediaName) =>
      names.includes(name)
        ? constraintsFor(name, this.chosen.value[KIND[name]], this.lines)
        : false;
    try {
      const stream = await this.media?.getUserMedia({
        audio: constraint('mic'),
        video: constraint('camera'),
      });
      for (const track of stream?.getTracks() ?? []) {
        const name = track.kind === 'audio' ? 'mic' : 'camera';
        // Closed while it was being opened.
        if (this.underway.has(name)) this.keep(name, track);
        else track.stop();
      }
      return true;
    } catch (error) {
      if (!quiet) {
        const problems = { ...this.problems.value };
        for (const name of names) problems[name] = problemOf(error, policyAllows(name));
        this.problems.value = problems;
      }
      return false;
    }
  }

  private keep(name: MediaName, track: MediaStreamTrack): void {
    this.preview.value[name]?.stop();
    this.forget(name);
    this.granted.add(name);
    this.problems.value = { ...this.problems.value, [name]: null };
    this.preview.value = { ...this.preview.value, [name]: track };
    track.addEventListener('ended', () => {
      if (this.preview.value[name] === track) this.close(name);
    });
    if (name === 'mic') {
      this.stopMeter = startLevelMeter(track, (level) => (this.level.value = level));
    }
  }

  /** Stops the preview of one device, also one that is only being opened. */
  close(name: MediaName): void {
    this.underway.delete(name);
    this.showOpening();
    this.preview.value[name]?.stop();
    this.forget(name);
  }

  /** Hands the preview's track over, once it is open; the taker stops it. */
  async take(name: MediaName): Promise<MediaStreamTrack | null> {
    await this.underway.get(name);
    const track = this.preview.value[name];
    this.forget(name);
    return track?.readyState === 'live' ? track : null;
  }

  private forget(name: MediaName): void {
    if (name === 'mic') {
      this.stopMeter?.();
      this.stopMeter = null;
      this.level.value = 0;
    }
    if (this.preview.value[name]) this.preview.value = { ...this.preview.value, [name]: null };
  }

  closeAll(): void {
    this.close('mic');
    this.close('camera');
  }

  /** Chooses a device for now and the next visit; a running preview changes to it. */
  async choose(kind: DeviceKind, deviceId: string): Promise<void> {
    this.chosen.value = { ...this.chosen.value, [kind]: deviceId };
    remember(KEY[kind], deviceId);
    const name = kind === 'audioinput' ? 'mic' : kind === 'videoinput' ? 'camera' : null;
    if (name && this.preview.value[name]) {
      this.close(name);
      await this.open({ mic: name === 'mic', camera: name === 'camera' });
    }
  }

  /** Records that a device was opened outside the preview. */
  opened(name: MediaName): void {
    this.granted.add(name);
    this.problems.value = { ...this.problems.value, [name]: null };
  }

  /** Records why a device could not be opened outside the preview, and returns it. */
  failed(name: MediaName, error: unknown): DeviceProblem {
    const problem = this.media ? problemOf(error, policyAllows(name)) : 'insecure';
    this.problems.value = { ...this.problems.value, [name]: problem };
    return problem;
  }
}
