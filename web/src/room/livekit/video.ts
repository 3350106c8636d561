// Video tracks as the sources that tiles show.
import { signal, type Signal } from '@preact/signals';
import { RemoteTrackPublication, Track, type TrackPublication } from 'livekit-client';
import type { VideoSource } from '../people';

/**
 * In a large room the relay sends only some of the cameras unasked. What a tile has waited for so
 * long, in milliseconds, is asked for; what nobody looks at any more is given back after a while.
 */
export const ASK_AFTER = 500;
export const KEEP = 30_000;

const sources = new WeakMap<Track, VideoSource & { paused: Signal<boolean> }>();
const pending = new WeakMap<TrackPublication, VideoSource>();
const asked = new WeakSet<TrackPublication>();

function sourceOf(track: Track, publication: TrackPublication): VideoSource {
  const known = sources.get(track);
  if (known) return known;
  const elements = new Set<HTMLVideoElement>();
  let giveBack: ReturnType<typeof setTimeout> | undefined;
  const source = {
    id: track.mediaStreamTrack.id,
    attach: (element: HTMLVideoElement) => {
      clearTimeout(giveBack);
      elements.add(element);
      track.attach(element);
    },
    detach: (element: HTMLVideoElement) => {
      track.detach(element);
      elements.delete(element);
      if (elements.size > 0 || !asked.has(publication)) return;
      clearTimeout(giveBack);
      giveBack = setTimeout(() => {
        asked.delete(publication);
        if (publication.track === track) subscribe(publication, false);
      }, KEEP);
    },
    paused: signal(track.streamState === Track.StreamState.Paused),
  };
  sources.set(track, source);
  return source;
}

function subscribe(publication: TrackPublication, wanted: boolean): void {
  if (publication instanceof RemoteTrackPublication) publication.setSubscribed(wanted);
}

function pendingOf(publication: RemoteTrackPublication): VideoSource {
  const known = pending.get(publication);
  if (known) return known;
  const source: VideoSource = {
    id: publication.trackSid,
    attach: () => undefined,
    detach: () => undefined,
    paused: signal(false),
    ask: () => {
      const timer = setTimeout(() => {
        asked.add(publication);
        subscribe(publication, true);
      }, ASK_AFTER);
      return () => clearTimeout(timer);
    },
  };
  pending.set(publication, source);
  return source;
}

/** What to show of a publication: nothing while it is muted or not yet received. */
export function shown(publication: TrackPublication | undefined): VideoSource | null {
  const track = publication?.track;
  return track && !publication.isMuted ? sourceOf(track, publication) : null;
}

/** The same of a camera; one that is not received can be asked for. */
export function shownCamera(publication: TrackPublication | undefined): VideoSource | null {
  if (!(publication instanceof RemoteTrackPublication) || publication.track) {
    return shown(publication);
  }
  return publication.isMuted ? null : pendingOf(publication);
}

/** The sender's or our network stopped this track, or lets it go on. */
export function markPaused(publication: TrackPublication, paused: boolean): void {
  const source = publication.track && sources.get(publication.track);
  if (source) source.paused.value = paused;
}
