// What we ask of the media library.
import {
  type RoomOptions,
  ScreenSharePresets,
  VideoPreset,
  VideoPresets,
  type TrackPublishDefaults,
} from 'livekit-client';
import type { SessionOptions } from '../session';

const BITRATES: Readonly<Record<number, VideoPreset>> = {
  180: VideoPresets.h180,
  360: VideoPresets.h360,
  720: new VideoPreset(1280, 720, 1_700_000, 30),
  1080: new VideoPreset(1920, 1080, 3_000_000, 30),
};

/** Whether this browser can send H.264. */
function sendsH264(): boolean {
  const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
  return codecs.some((codec) => codec.mimeType.toLowerCase() === 'video/h264');
}

export function publishDefaults({ admission, lines }: SessionOptions): TrackPublishDefaults {
  const preset = BITRATES[lines] ?? BITRATES[720];
  return {
    videoCodec: admission.media.h264 && sendsH264() ? 'h264' : 'vp8',
    backupCodec: false,
    simulcast: lines > 180,
    ...(preset ? { videoEncoding: preset.encoding } : {}),
    screenShareEncoding: ScreenSharePresets.h1080fps15.encoding,
    // Two layers: a thumbnail for strips and the whole picture.
    screenShareSimulcastLayers: [ScreenSharePresets.h360fps3],
    dtx: true,
    red: true,
    stopMicTrackOnMute: false,
  };
}

/**
 * The library resumes a broken connection for a few seconds. After that we ask the control plane
 * again, since another relay may be better placed.
 */
export const RECONNECT_DELAYS = [0, 300, 900, 1500, 2000];

export function roomOptions(options: SessionOptions): RoomOptions {
  const { speaker } = options.devices;
  return {
    adaptiveStream: { pixelDensity: 'screen', pauseVideoInBackground: true },
    dynacast: true,
    disconnectOnPageLeave: true,
    publishDefaults: publishDefaults(options),
    videoCaptureDefaults: {
      resolution: {
        width: Math.round((options.lines * 16) / 9),
        height: options.lines,
        frameRate: 30,
      },
    },
    ...(speaker ? { audioOutput: { deviceId: speaker } } : {}),
    reconnectPolicy: {
      nextRetryDelayInMs: ({ retryCount }) => RECONNECT_DELAYS[retryCount] ?? null,
    },
  };
}
