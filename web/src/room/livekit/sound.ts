// Playing everybody's sound: one hidden audio element per track.
import type { RemoteAudioTrack, RemoteTrack } from 'livekit-client';

interface Voice {
  track: RemoteAudioTrack;
  identity: string;
  panner: StereoPannerNode | null;
}

interface Setting {
  volume: number;
  pan: number;
}

const NEUTRAL: Setting = { volume: 1, pan: 0 };

/** The sound of a session. */
export class Sound {
  private readonly voices = new Map<RemoteTrack, Voice>();
  private readonly settings = new Map<string, Setting>();
  private context: AudioContext | null = null;

  constructor(
    private readonly container: HTMLElement,
    private volume: number,
  ) {}

  /** Plays a track, once. */
  add(track: RemoteAudioTrack, identity: string): void {
    if (this.voices.has(track)) return;
    const element = track.attach();
    element.hidden = true;
    this.container.append(element);
    const voice: Voice = { track, identity, panner: null };
    this.voices.set(track, voice);
    this.apply(voice);
  }

  remove(track: RemoteTrack): void {
    this.voices.delete(track);
    for (const element of track.detach()) element.remove();
  }

  setVolume(volume: number): void {
    this.volume = volume;
    for (const voice of this.voices.values()) this.apply(voice);
  }

  adjust(identity: string, change: Partial<Setting>): void {
    this.settings.set(identity, { ...(this.settings.get(identity) ?? NEUTRAL), ...change });
    for (const voice of this.voices.values()) {
      if (voice.identity === identity) this.apply(voice);
    }
  }

  private apply(voice: Voice): void {
    const setting = this.settings.get(voice.identity) ?? NEUTRAL;
    // The audio graph is only put in where a stereo position is asked for.
    if (setting.pan !== 0 && !voice.panner) {
      this.context ??= new AudioContext();
      voice.panner = this.context.createStereoPanner();
      voice.track.setAudioContext(this.context);
      voice.track.setWebAudioPlugins([voice.panner]);
    }
    if (voice.panner) voice.panner.pan.value = setting.pan;
    voice.track.setVolume(this.volume * setting.volume);
  }

  async resume(): Promise<void> {
    await this.context?.resume();
  }

  close(): void {
    for (const track of [...this.voices.keys()]) this.remove(track);
    void this.context?.close();
    this.context = null;
  }
}
