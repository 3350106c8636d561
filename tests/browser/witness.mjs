// What is known when something that should be seen or heard is not: every page's connections, in numbers, what the pages
// and the platform said of late.

/** Lines kept of each page and of the platform. */
const KEPT = 60;

const said = new WeakMap();
const platformLines = [];

/** In a page, before any of its own code: its peer connections are kept where [`testimony`] finds them. */
export function patchConnections() {
  const Original = window.RTCPeerConnection;
  if (!Original) return;
  window.keptConnections = [];
  window.RTCPeerConnection = class extends Original {
    constructor(...parameters) {
      super(...parameters);
      window.keptConnections.push(this);
    }
  };
}

/** Has a context's pages keep their peer connections. */
export const keepConnections = (context) => context.addInitScript(patchConnections);

/** Keeps what a page writes to its console. */
export function keepConsole(page) {
  said.set(page, []);
  page.on('console', (message) => keep(said.get(page), `${message.type()}: ${message.text()}`));
}

/** Keeps a line of the platform's log. */
export const keepLine = (line) => keep(platformLines, line);

function keep(lines, line) {
  lines.push(line);
  if (lines.length > KEPT) lines.shift();
}

/** The fields of WebRTC statistics that tell where media stops (W3C webrtc-stats). */
const FIELDS = {
  'outbound-rtp': ['kind', 'mid', 'rid', 'ssrc', 'active', 'packetsSent', 'framesEncoded', 'keyFramesEncoded', 'frameWidth', 'pliCount', 'nackCount', 'qualityLimitationReason'],
  'inbound-rtp': ['kind', 'mid', 'ssrc', 'packetsReceived', 'packetsLost', 'framesReceived', 'framesDecoded', 'keyFramesDecoded', 'framesDropped', 'pliCount', 'nackCount'],
  'candidate-pair': ['state', 'nominated', 'availableOutgoingBitrate', 'currentRoundTripTime', 'bytesSent', 'bytesReceived'],
  transport: ['dtlsState', 'iceState'],
};

/** All that is known of the pages of this page's browser and of the platform, as text. */
export async function testimony(page) {
  const parts = [];
  for (const context of page.context().browser()?.contexts() ?? [page.context()]) {
    for (const one of context.pages()) parts.push(await ofPage(one));
  }
  return `${parts.join('\n')}\nplatform:\n  ${platformLines.join('\n  ')}`;
}

async function ofPage(page) {
  const lines = [`page ${page.url()}`];
  for (const frame of page.frames()) {
    const states = await frame.evaluate(connections, FIELDS).catch((error) => [String(error)]);
    lines.push(...states.map((state) => `  ${state}`));
  }
  return [...lines, ...(said.get(page) ?? []).map((line) => `  said ${line}`)].join('\n');
}

// Runs in the page.
async function connections(fields) {
  const lines = [...document.querySelectorAll('[data-identity]')].map((tile) => {
    const video = tile.querySelector('video');
    const shown = video && `${video.videoWidth}x${video.videoHeight} paused=${video.paused} ${video.getVideoPlaybackQuality().totalVideoFrames} frames`;
    return `tile "${tile.getAttribute('aria-label')}": ${shown ?? 'no video'}`;
  });
  lines.unshift(`document ${document.visibilityState}`);
  for (const connection of window.keptConnections ?? []) {
    lines.push(`connection ${connection.connectionState}, ice ${connection.iceConnectionState}, signalling ${connection.signalingState}`);
    for (const transceiver of connection.getTransceivers()) {
      lines.push(`  section ${transceiver.mid} ${transceiver.receiver.track.kind}: ${transceiver.currentDirection}, wanted ${transceiver.direction}, ${transceiver.sender.track?.readyState ?? 'nothing'} sent`);
    }
    for (const entry of (await connection.getStats()).values()) {
      const wanted = fields[entry.type];
      if (wanted) lines.push(`  ${entry.type}: ${wanted.filter((field) => entry[field] !== undefined).map((field) => `${field}=${entry[field]}`).join(' ')}`);
    }
  }
  return lines;
}
