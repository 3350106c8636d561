// A session over livekit-client. This file and its neighbours are the only ones that import it.
import { batch, signal } from '@preact/signals';
import {
  ConnectionQuality,
  LocalAudioTrack,
  type LocalTrack,
  LocalVideoTrack,
  type Participant,
  type RemoteTrack,
  RemoteAudioTrack,
  type RemoteTrackPublication,
  Room,
  RoomEvent,
  setLogLevel,
  Track,
  TrackEvent,
  type TrackPublication,
} from 'livekit-client';
import { numberOf } from '../join';
import type { Person, Quality } from '../people';
import { reasonOfDisconnect, type Reason } from '../reasons';
import { ASK_UNMUTE, parseAsker, parseRules } from '../rules';
import type { OpenSession, Session, SessionOptions } from '../session';
import { roomOptions } from './options';
import { refusal } from './refusal';
import { watchSilence } from './silence';
import { giveUpAfter } from './socket';
import { Sound } from './sound';
import { markPaused, shown, shownCamera } from './video';

setLogLevel('warn');

/** Connects to a relay and publishes what is asked for. Throws `RelayRefused` or a plain error. */
export const openSession: OpenSession = async (options) => {
  const session = new LivekitSession(options);
  await session.connect();
  return session;
};

/**
 * After a restart the library (livekit-client 2.23.0) says that it is back up to two seconds before it is done, and says
 * nothing of what it learns in between, then or later. So for so long we look for ourselves, so often.
 */
const LOOK_FOR = 3_000;
const LOOK_EVERY = 250;

/** A relay to which no connection opens in this time is not there. */
const RELAY_SILENT_MS = 8_000;

const MICROPHONE = Track.sourceToProto(Track.Source.Microphone);

const QUALITIES: Readonly<Record<ConnectionQuality, Quality>> = {
  [ConnectionQuality.Excellent]: 'excellent',
  [ConnectionQuality.Good]: 'good',
  [ConnectionQuality.Poor]: 'poor',
  [ConnectionQuality.Lost]: 'lost',
  [ConnectionQuality.Unknown]: 'unknown',
};

class LivekitSession implements Session {
  readonly reconnecting = signal(false);
  readonly silent = signal(false);
  readonly soundBlocked = signal(false);
  readonly sharing = signal(false);
  readonly micOn = signal(false);
  readonly cameraOn = signal(false);
  readonly mayUnmute = signal(true);
  readonly waiting = signal(false);
  readonly rules = signal(parseRules(undefined));

  private readonly room: Room;
  private readonly sound: Sound;
  /** Set between a successful connect and the end; outside it a disconnection is no news. */
  private live = false;
  /** Past the door, where there is a waiting room. */
  private inside = false;
  /** What is to be on as soon as we are inside. */
  private readonly want: Record<'mic' | 'camera', boolean>;
  /** All that we ever published, as what is published changes while the library restarts. */
  private readonly tracks = new Set<LocalTrack>();
  private readonly devices: { mic: string | null; camera: string | null };
  /** Devices that were asked for at joining and are not published yet. */
  private readonly starting = new Set<'mic' | 'camera'>();
  /** Mutes that we asked for ourselves, so that a moderator's can be told apart. */
  private readonly ownMutes = new Set<Track.Source>();
  private stopWatching: () => void = () => undefined;

  constructor(private readonly options: SessionOptions) {
    const { wantMic, wantCamera, observer, devices } = options;
    this.want = { mic: wantMic, camera: wantCamera && !observer };
    this.devices = { mic: devices.mic, camera: devices.camera };
    this.room = new Room(roomOptions(options));
    this.sound = new Sound(document.body, options.volume);
    this.listen();
  }

  async connect(): Promise<void> {
    const { admission, relay, tries } = this.options;
    giveUpAfter(tries);
    try {
      await this.room.connect(relay.url, admission.token, {
        websocketTimeout: RELAY_SILENT_MS,
        peerConnectionTimeout: 12_000,
        maxRetries: 0,
      });
    } catch (error) {
      await this.room.disconnect();
      throw refusal(error) ?? error;
    }
    this.live = true;
    this.stopWatching = watchSilence(this.room, this.silent);
    this.rules.value = parseRules(this.room.metadata);
    this.syncEverybody();
    if (!this.waiting.peek()) this.goIn();
  }

  // The visitor is in; their devices follow.
  private goIn(): void {
    this.inside = true;
    if (this.want.mic && this.comesInMuted()) this.release('mic');
    else if (this.want.mic) this.starting.add('mic');
    if (this.want.camera) this.starting.add('camera');
    this.sync(this.room.localParticipant);
    void this.publishFirst();
  }

  // Where people speak by turns they come in muted, unless they had unmuted before their connection broke.
  private comesInMuted(): boolean {
    if (!this.mayUnmute.peek()) return true;
    const moderator = this.room.localParticipant.attributes['role'] === 'moderator';
    return this.rules.peek().muteMode !== 'conversation' && !moderator && !this.options.returning;
  }

  // Nothing of the preview stays open.
  private release(name: 'mic' | 'camera'): void {
    const { takeMic, takeCamera } = this.options;
    void (name === 'mic' ? takeMic() : takeCamera()).then((track) => track?.stop());
  }

  private async publishFirst(): Promise<void> {
    await Promise.all([this.startFirst('mic'), this.startFirst('camera')]);
    if (this.live) this.sync(this.room.localParticipant);
  }

  // A device that fails now must not cost the visitor the meeting.
  private async startFirst(name: 'mic' | 'camera'): Promise<void> {
    if (!this.starting.has(name)) return;
    const { takeMic, takeCamera } = this.options;
    const track = await (name === 'mic' ? takeMic() : takeCamera());
    // Left, or switched off, while it was being opened: it is not sent even for a moment.
    if (!this.live || !this.starting.has(name)) {
      track?.stop();
      return;
    }
    try {
      if (track) await this.publish(track);
      else await this.set(name, true, this.devices[name]);
    } catch (error) {
      track?.stop();
      this.failed(name, error);
    }
    // Switched off while it was being published.
    if (!this.starting.delete(name)) await this.set(name, false, null);
  }

  private async publish(track: MediaStreamTrack): Promise<void> {
    const audio = track.kind === 'audio';
    const local = new (audio ? LocalAudioTrack : LocalVideoTrack)(
      track,
      track.getConstraints(),
      false,
    );
    const source = audio ? Track.Source.Microphone : Track.Source.Camera;
    await this.room.localParticipant.publishTrack(local, { source });
  }

  private failed(name: 'mic' | 'camera', error: unknown): void {
    if (this.live) this.options.deviceFailed(name, error);
  }

  // --- what the relay tells

  private listen(): void {
    const { room } = this;
    room
      .on(RoomEvent.ParticipantConnected, (participant) => this.sync(participant))
      .on(RoomEvent.ParticipantDisconnected, ({ identity }) => this.options.roster.leave(identity))
      .on(RoomEvent.ParticipantNameChanged, (_name, participant) => this.sync(participant))
      .on(RoomEvent.ParticipantAttributesChanged, (_changed, participant) => this.sync(participant))
      .on(RoomEvent.ParticipantPermissionsChanged, (_before, participant) => this.sync(participant))
      .on(RoomEvent.RoomMetadataChanged, (metadata) => (this.rules.value = parseRules(metadata)))
      .on(RoomEvent.DataReceived, (payload, _sender, _kind, topic, _encryption, from) => {
        // The relay writes down who sent a message, also somebody we do not know of; its own have nobody.
        if (topic === ASK_UNMUTE && !from) this.options.askedToUnmute(parseAsker(payload));
      })
      .on(RoomEvent.TrackPublished, (_publication, participant) => this.sync(participant))
      .on(RoomEvent.TrackUnpublished, (_publication, participant) => this.sync(participant))
      .on(RoomEvent.LocalTrackPublished, ({ track }, participant) => {
        if (track) this.tracks.add(track);
        this.sync(participant);
      })
      .on(RoomEvent.LocalTrackUnpublished, ({ source }) => this.unpublished(source))
      .on(RoomEvent.TrackMuted, (publication, participant) => this.muted(publication, participant))
      .on(RoomEvent.TrackUnmuted, (_publication, participant) => this.sync(participant))
      .on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
        if (track instanceof RemoteAudioTrack) this.sound.add(track, participant.identity);
        this.sync(participant);
      })
      .on(RoomEvent.TrackUnsubscribed, (track: RemoteTrack, _publication, participant) => {
        if (track instanceof RemoteAudioTrack) this.sound.remove(track);
        this.sync(participant);
      })
      .on(
        RoomEvent.TrackStreamStateChanged,
        (publication: RemoteTrackPublication, state: Track.StreamState) =>
          markPaused(publication, state === Track.StreamState.Paused),
      )
      .on(RoomEvent.ActiveSpeakersChanged, (speakers) =>
        this.options.roster.hear(
          speakers.map(({ identity, audioLevel }) => ({ identity, level: audioLevel })),
        ),
      )
      .on(RoomEvent.ConnectionQualityChanged, (quality, participant) => {
        const person = this.options.roster.find(participant.identity);
        if (person) person.quality.value = QUALITIES[quality];
      })
      .on(RoomEvent.AudioPlaybackStatusChanged, () => {
        this.soundBlocked.value = !room.canPlaybackAudio;
      })
      .on(RoomEvent.SignalReconnecting, () => (this.reconnecting.value = true))
      .on(RoomEvent.Reconnecting, () => (this.reconnecting.value = true))
      .on(RoomEvent.Reconnected, () => {
        this.reconnecting.value = false;
        this.lookAround(LOOK_FOR);
      })
      .on(RoomEvent.Disconnected, (code) => this.disconnected(code));
  }

  private disconnected(code: number | undefined): void {
    this.sound.close();
    this.end(reasonOfDisconnect(code));
  }

  private end(reason: Reason): void {
    if (!this.live) return;
    this.close();
    this.options.ended(reason);
  }

  private close(): void {
    this.live = false;
    this.stopWatching();
    this.stopTracks();
  }

  // After a restart the library opens our devices anew to publish them again, also where all is over by then.
  private stopTracks(): void {
    for (const track of this.tracks) {
      track.stop();
      track.on(TrackEvent.Restarted, () => track.stop());
    }
  }

  // The library unpublishes everything when the connection ends; what was on then must stay known, for
  // coming back. On its own only a shared screen goes, when it is stopped in the browser's own bar.
  private unpublished(source: Track.Source): void {
    const person = this.options.roster.local;
    if (source === Track.Source.Microphone && this.live && !this.mayUnmute.peek()) {
      this.sync(this.room.localParticipant);
    }
    if (source !== Track.Source.ScreenShare || !person) return;
    person.screen.value = null;
    this.sharing.value = false;
  }

  private muted(publication: TrackPublication, participant: Participant): void {
    this.sync(participant);
    if (!participant.isLocal || this.ownMutes.has(publication.source)) return;
    if (publication.source === Track.Source.Microphone) this.options.mutedByOther('mic');
    if (publication.source === Track.Source.Camera) this.options.mutedByOther('camera');
  }

  private lookAround(during: number): void {
    this.syncEverybody();
    if (during > 0) setTimeout(() => this.lookAround(during - LOOK_EVERY), LOOK_EVERY);
  }

  private syncEverybody(): void {
    const { room, options } = this;
    if (!this.live) return;
    options.roster.keepOnly(new Set(room.remoteParticipants.keys()));
    this.sync(room.localParticipant);
    for (const participant of room.remoteParticipants.values()) {
      for (const { track } of participant.audioTrackPublications.values()) {
        if (track instanceof RemoteAudioTrack) this.sound.add(track, participant.identity);
      }
      this.sync(participant);
    }
    this.soundBlocked.value = !room.canPlaybackAudio;
  }

  private sync(participant: Participant): void {
    const { identity } = participant;
    if (identity === '' || !this.live) return;
    const waits = this.isWaiting(participant);
    if (participant.isLocal && !this.syncRights(participant, waits)) return;
    if (waits) {
      this.syncWaiting(participant);
      return;
    }
    // In one step, so that nobody is seen before they are described.
    batch(() => {
      const person = this.options.roster.arrive({
        identity,
        number: numberOf(identity),
        name: participant.name ?? identity,
        isLocal: participant.isLocal,
        joinedAt: participant.joinedAt?.getTime() ?? Date.now(),
      });
      describe(person, participant);
      if (participant.isLocal) {
        // A device on its way counts as on: the bar does not flicker, and a click switches it off.
        this.micOn.value =
          (person.micOn.value || this.starting.has('mic')) && this.mayUnmute.peek();
        this.cameraOn.value = participant.isCameraEnabled || this.starting.has('camera');
        this.sharing.value = participant.isScreenShareEnabled;
      }
    });
  }

  // At the door our devices are as they will be inside.
  private syncWaiting(participant: Participant): void {
    const { identity, isLocal } = participant;
    if (isLocal) {
      this.options.roster.leave(identity);
      this.micOn.value = this.want.mic;
      this.cameraOn.value = this.want.camera;
      return;
    }
    const name = participant.name ?? identity;
    this.options.roster.wait({ identity, number: numberOf(identity), name });
  }

  // We ourselves are let in when we have our rights, which come a moment after the attribute goes.
  private isWaiting(participant: Participant): boolean {
    const said = participant.attributes['waiting'] === 'true';
    const mayListen = participant.permissions?.canSubscribe ?? true;
    return said || (participant.isLocal && this.waiting.peek() && !mayListen);
  }

  // What the relay lets us do, and since when. Answers false if this session is over by it.
  private syncRights(participant: Participant, waits: boolean): boolean {
    // The relay started again and has us knock once more. The library would go on as if we were in.
    if (waits && this.inside) {
      this.end('connection_lost');
      void this.room.disconnect();
      return false;
    }
    const { canPublish = true, canPublishSources = [] } = participant.permissions ?? {};
    const may =
      canPublish && (canPublishSources.length === 0 || canPublishSources.includes(MICROPHONE));
    const silenced = !waits && this.mayUnmute.peek() && !may && this.micOn.peek();
    this.mayUnmute.value = may;
    if (silenced) this.options.mutedByOther('mic');
    const admitted = this.waiting.peek() && !waits;
    this.waiting.value = waits;
    if (admitted) this.goIn();
    return true;
  }

  // --- what the page asks for

  setMic(on: boolean, deviceId: string | null): Promise<void> {
    return this.set('mic', on, deviceId);
  }

  setCamera(on: boolean, deviceId: string | null): Promise<void> {
    return this.set('camera', on, deviceId);
  }

  private async set(name: 'mic' | 'camera', on: boolean, deviceId: string | null): Promise<void> {
    if (this.waiting.peek()) {
      this.want[name] = on;
      if (!on) this.release(name);
      this.sync(this.room.localParticipant);
      return;
    }
    if (!on) this.starting.delete(name);
    const me = this.room.localParticipant;
    const device = deviceId ? { deviceId } : undefined;
    const source = name === 'mic' ? Track.Source.Microphone : Track.Source.Camera;
    // Whoever mutes us while we switch it on is somebody else.
    if (!on) this.ownMutes.add(source);
    try {
      await (name === 'mic'
        ? me.setMicrophoneEnabled(on, device)
        : me.setCameraEnabled(on, device));
    } finally {
      this.ownMutes.delete(source);
      this.sync(this.room.localParticipant);
    }
  }

  async startShare(): Promise<boolean> {
    try {
      await this.room.localParticipant.setScreenShareEnabled(true, {
        audio: true,
        contentHint: 'detail',
        selfBrowserSurface: 'exclude',
        surfaceSwitching: 'include',
      });
      return true;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') return false;
      throw error;
    }
  }

  async stopShare(): Promise<void> {
    await this.room.localParticipant.setScreenShareEnabled(false);
  }

  async switchDevice(kind: 'audioinput' | 'videoinput' | 'audiooutput', deviceId: string) {
    if (kind === 'audioinput') this.devices.mic = deviceId;
    if (kind === 'videoinput') this.devices.camera = deviceId;
    await this.room.switchActiveDevice(kind, deviceId);
  }

  setVolume(volume: number): void {
    this.sound.setVolume(volume);
  }

  adjust(identity: string, settings: { volume?: number; pan?: number }): void {
    this.sound.adjust(identity, settings);
  }

  async unblockSound(): Promise<void> {
    await Promise.all([this.room.startAudio(), this.sound.resume()]);
    this.soundBlocked.value = !this.room.canPlaybackAudio;
  }

  async leave(): Promise<void> {
    this.close();
    await this.room.disconnect();
  }
}

function describe(person: Person, participant: Participant): void {
  const { attributes } = participant;
  person.moderator.value = attributes['role'] === 'moderator';
  person.observer.value = attributes['observer'] === 'true';
  person.micOn.value = participant.isMicrophoneEnabled;
  person.camera.value = shownCamera(participant.getTrackPublication(Track.Source.Camera));
  person.screen.value = shown(participant.getTrackPublication(Track.Source.ScreenShare));
}
