// Video tracks as the sources that tiles show.
import { signal, type Signal } from '@preact/signals';
import { Track, type TrackPublication } from 'livekit-client';
import type { VideoSource } from '../people';

const sources = new WeakMap<Track, VideoSource & { paused: Signal<boolean> }>();

function sourceOf(track: Track): VideoSource {
  const known = sources.get(track);
  if (known) return known;
  const source = {
    id: track.mediaStreamTrack.id,
    attach: (element: HTMLVideoElement) => void track.attach(element),
    detach: (element: HTMLVideoElement) => void track.detach(element),
    paused: signal(track.streamState === Track.StreamState.Paused),
  };
  sources.set(track, source);
  return source;
}

/** What to show of a publication: nothing while it is muted or not yet received. */
export function shown(publication: TrackPublication | undefined): VideoSource | null {
  const track = publication?.track;
  return track && !publication.isMuted ? sourceOf(track) : null;
}

/** The sender's or our network stopped this track, or lets it go on. */
export function markPaused(publication: TrackPublication, paused: boolean): void {
  const source = publication.track && sources.get(publication.track);
  if (source) source.paused.value = paused;
}
