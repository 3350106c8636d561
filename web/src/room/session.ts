// The connection to a relay as the rest of the page sees it. The media code behind it loads lazily.
import type { Signal } from '@preact/signals';
import type { Admission, RelayAddress } from './join';
import type { Reason } from './reasons';
import type { Roster } from './roster';
import type { Rules } from './rules';

export interface SessionOptions {
  admission: Admission;
  relay: RelayAddress;
  /** After how many milliseconds each a connection that does not open is given up for another. */
  tries: readonly number[];
  roster: Roster;
  observer: boolean;
  /** Highest resolution to send, in lines. */
  lines: number;
  /** Take over the tracks that the preview opens; the session stops them. */
  takeMic: () => Promise<MediaStreamTrack | null>;
  takeCamera: () => Promise<MediaStreamTrack | null>;
  /** What to switch on at joining. */
  wantMic: boolean;
  wantCamera: boolean;
  devices: { mic: string | null; camera: string | null; speaker: string | null };
  volume: number;
  /** We were in the meeting before, and come back as we were. */
  returning: boolean;
  /** The connection is over. Called once, not after `leave`. */
  ended: (reason: Reason) => void;
  /** A device could not be opened. */
  deviceFailed: (name: 'mic' | 'camera', error: unknown) => void;
  /** Somebody else, a moderator, switched our microphone or camera off. */
  mutedByOther: (name: 'mic' | 'camera') => void;
  /** A moderator wants to hear us; `by` is its number, `null` if it is not in the room. */
  askedToUnmute: (by: number | null) => void;
}

export interface Session {
  readonly reconnecting: Signal<boolean>;
  /** Nothing comes from the relay for a moment, before it is known why. */
  readonly silent: Signal<boolean>;
  /** The browser wants a click before it plays sound. */
  readonly soundBlocked: Signal<boolean>;
  readonly sharing: Signal<boolean>;
  readonly micOn: Signal<boolean>;
  readonly cameraOn: Signal<boolean>;
  /** Whether the relay takes sound from us. */
  readonly mayUnmute: Signal<boolean>;
  /** In the waiting room: nobody is seen or heard until a moderator lets us in. */
  readonly waiting: Signal<boolean>;
  readonly rules: Signal<Rules>;
  setMic: (on: boolean, deviceId: string | null) => Promise<void>;
  setCamera: (on: boolean, deviceId: string | null) => Promise<void>;
  /** Resolves to false if the visitor closed the browser's picker. */
  startShare: () => Promise<boolean>;
  stopShare: () => Promise<void>;
  switchDevice: (
    kind: 'audioinput' | 'videoinput' | 'audiooutput',
    deviceId: string,
  ) => Promise<void>;
  /** 0..1, for everybody. */
  setVolume: (volume: number) => void;
  /** Volume 0..1 and stereo position -1..1 of one person. */
  adjust: (identity: string, settings: { volume?: number; pan?: number }) => void;
  unblockSound: () => Promise<void>;
  leave: () => Promise<void>;
}

/** The relay would not let us in, with the reason it gave. */
export class RelayRefused extends Error {
  constructor(readonly reason: Reason) {
    super(`the relay refused: ${reason}`);
    this.name = 'RelayRefused';
  }
}

export type OpenSession = (options: SessionOptions) => Promise<Session>;
