// What a visit to a meeting has around it.
import type { Stay } from '../config/kept';
import type { ConferenceInfo } from '../config/page';
import type { Fetch } from './join';
import type { Ending } from './reasons';
import type { Roster } from './roster';
import type { OpenSession } from './session';

/** How somebody comes in. */
export interface Entry {
  name: string;
  /** Tracks of the preview, handed over once, as soon as they are there. */
  takeMic: () => Promise<MediaStreamTrack | null>;
  takeCamera: () => Promise<MediaStreamTrack | null>;
  wantMic: boolean;
  wantCamera: boolean;
}

export interface Surroundings {
  fetch: Fetch;
  /** What the code stands for now, as a new visit to the page would tell; `null` if unknown. */
  look: () => Promise<ConferenceInfo | null>;
  now: () => number;
  random: () => number;
  /** Loads the media code. */
  loadMedia: () => Promise<{ openSession: OpenSession }>;
  roster: Roster;
  devices: () => { mic: string | null; camera: string | null; speaker: string | null };
  deviceFailed: (name: 'mic' | 'camera', error: unknown) => void;
  mutedByOther: (name: 'mic' | 'camera') => void;
  askedToUnmute: (by: number | null) => void;
  /** Our stay in the meeting before the page was loaded again, and keeps it for the next time; `null` when it is over. */
  stay: Stay | null;
  keepStay: (stay: Stay | null) => void;
  /** Told once per visit that it is over. */
  left: (reason: Ending) => void;
}
