// Messages out of the room: watches the room's signals and tells each change once.
import { effect, untracked, type ReadonlySignal } from '@preact/signals';
import type { Devices } from '../room/devices';
import type { Meeting } from '../room/meeting';
import type { Person } from '../room/people';
import type { Roster, Waiting } from '../room/roster';
import type { Channel } from './channel';

export interface Watched {
  meeting: Meeting;
  roster: Roster;
  devices: Devices;
  incomingVideo: ReadonlySignal<boolean>;
  audioLevels: boolean;
}

/** A participant of whom nothing is said yet; in the contract's order of fields. */
const PLAIN = {
  isCurrent: false,
  isOrganizer: false,
  isModerator: false,
  isObserver: false,
  isOnCall: false,
  isViewingOnly: false,
  isLeft: false,
  isBlocked: false,
  isMuted: true,
  isCameraOn: false,
  isPhone: false,
  isInternet: true,
  isJoining: false,
  isStreaming: false,
  handRaised: false,
};

/** A participant as the contract shows it. */
export function participantFields(person: Person, isLeft: boolean) {
  return {
    id: person.number,
    name: person.name.value,
    ...PLAIN,
    isCurrent: person.isLocal,
    isModerator: person.moderator.value,
    isObserver: person.observer.value,
    isOnCall: !isLeft,
    isLeft,
    isMuted: !person.micOn.value,
    isCameraOn: person.camera.value !== null,
    isStreaming: person.screen.value !== null,
  };
}

/** Somebody in the waiting room, as moderators' frames hear of it. */
export function waitingFields({ number, name }: Waiting, isJoining: boolean) {
  return { id: number, name, ...PLAIN, isLeft: !isJoining, isJoining };
}

const sends = (channel: Channel, type: string, event: string) => {
  let last = '';
  return (fields: object) => {
    const now = JSON.stringify(fields);
    if (now === last) return;
    last = now;
    channel.send(type, event, fields);
  };
};

function devicesOf(devices: Devices) {
  const list = (kind: MediaDeviceKind) =>
    devices.all.value
      .filter((device) => device.kind === kind)
      .map(({ deviceId, groupId, label }) => ({ deviceId, groupId, kind, label }));
  return {
    videoinput: list('videoinput'),
    audioinput: list('audioinput'),
    audiooutput: list('audiooutput'),
  };
}

/** Starts to report; returns a stop. */
export function report(channel: Channel, watched: Watched): () => void {
  const { meeting, roster, devices } = watched;
  const stops: (() => void)[] = [];
  const deviceList = sends(channel, 'device', 'DEVICE_LIST_CHANGED');
  stops.push(
    effect(() => {
      if (devices.all.value.length > 0) deviceList(devicesOf(devices));
    }),
  );
  for (const kind of ['videoinput', 'audioinput', 'audiooutput'] as const) {
    const inUse = sends(channel, 'device', 'DEVICE_IN_USE');
    stops.push(
      effect(() => {
        const deviceId = devices.chosen.value[kind];
        if (deviceId) inUse({ kind, deviceId });
      }),
    );
  }
  const change = sends(channel, 'conference', 'CHANGE');
  stops.push(
    effect(() => {
      const admission = meeting.admission.value;
      if (!admission || meeting.phase.value.at !== 'in') return;
      const { id, subject } = admission.conference;
      change({
        id,
        name: subject ?? '',
        mode: meeting.rules.value.muteMode,
        roomSize: roster.people.value.length,
        isActive: true,
        isRecording: false,
        isStreaming: false,
        isLocked: meeting.rules.value.locked,
        isSecured: false,
        incomingVideo: watched.incomingVideo.value,
      });
    }),
  );
  const speaker = sends(channel, 'conference', 'SPEAKER');
  stops.push(
    effect(() => {
      const holder = roster.floor.value;
      const person = holder === null ? undefined : roster.find(holder);
      const id = meeting.admission.value?.conference.id;
      if (person && id !== undefined) speaker({ id, speakerId: person.number });
    }),
  );
  stops.push(reportPeople(channel, watched), reportWaiting(channel, watched));
  return () => stops.forEach((stop) => stop());
}

function reportPeople(channel: Channel, { meeting, roster, audioLevels }: Watched): () => void {
  const watching = new Map<Person, () => void>();
  const watch = (person: Person) => {
    const change = sends(channel, 'participant', 'CHANGE');
    const level = sends(channel, 'participant', 'AUDIO_LEVEL');
    const stops = [effect(() => change(participantFields(person, false)))];
    if (audioLevels) {
      stops.push(effect(() => level({ id: person.number, audioLevel: round(person.level.value) })));
    }
    return () => stops.forEach((stop) => stop());
  };
  const compare = (people: readonly Person[]) => {
    const present = new Set(people);
    for (const [person, unwatch] of watching) {
      if (present.has(person)) continue;
      unwatch();
      watching.delete(person);
      // When we are the one who goes, the others have not left.
      if (meeting.phase.peek().at === 'in') {
        channel.send('participant', 'CHANGE', participantFields(person, true));
      }
    }
    for (const person of present) {
      if (!watching.has(person)) watching.set(person, watch(person));
    }
  };
  const stop = effect(() => {
    const people = roster.people.value;
    untracked(() => compare(people));
  });
  return () => {
    stop();
    for (const unwatch of watching.values()) unwatch();
  };
}

function reportWaiting(channel: Channel, { meeting, roster }: Watched): () => void {
  let before: readonly Waiting[] = [];
  return effect(() => {
    const now = roster.waiting.value;
    untracked(() => {
      const still = new Set(now.map(({ number }) => number));
      for (const one of before) {
        // Who was let in is told of as a participant.
        const over = !still.has(one.number) && !roster.byNumber(one.number);
        if (over && meeting.phase.peek().at === 'in') {
          channel.send('participant', 'CHANGE', waitingFields(one, false));
        }
      }
      for (const one of now) {
        if (!before.includes(one)) channel.send('participant', 'CHANGE', waitingFields(one, true));
      }
      before = now;
    });
  });
}

const round = (level: number) => Math.round(level * 100) / 100;
