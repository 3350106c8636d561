// A video element that shows a source or a track.
import { useEffect, useRef } from 'preact/hooks';
import type { VideoSource } from '../room/people';

interface SourceVideoProps {
  source: VideoSource;
  mirrored?: boolean;
  /** Shows all of the picture instead of filling the tile. */
  whole?: boolean;
  label: string;
  /** Told the shape of the picture, width / height, when it is known or changes. */
  shape?: (aspect: number) => void;
}

export function SourceVideo({ source, mirrored, whole, label, shape }: SourceVideoProps) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    source.attach(element);
    return () => source.detach(element);
  }, [source]);
  return (
    <video
      ref={video}
      class={`video ${mirrored ? 'video-mirrored' : ''} ${whole ? 'video-whole' : ''}`}
      aria-label={label}
      autoplay
      playsInline
      muted
      onResize={(event) => {
        const { videoWidth, videoHeight } = event.currentTarget;
        if (videoHeight > 0) shape?.(videoWidth / videoHeight);
      }}
    />
  );
}

export function TrackVideo({ track, label }: { track: MediaStreamTrack; label: string }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = new MediaStream([track]);
  }, [track]);
  return (
    <video ref={video} class="video video-mirrored" aria-label={label} autoplay playsInline muted />
  );
}
