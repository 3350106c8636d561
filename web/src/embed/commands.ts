// Messages into the room: read strictly, then handed to the room.
import type { View } from '../config/params';
import { VIEWS } from '../config/params';
import type { DeviceKind } from '../room/devices';
import type { Message } from './channel';

/** What a message can ask of the room. */
export interface RoomCommands {
  chooseDevice: (kind: DeviceKind, deviceId: string) => void;
  setCamera: (on: boolean) => void;
  setMic: (on: boolean) => void;
  setIncomingVideo: (on: boolean) => void;
  setVolume: (volume: number) => void;
  leave: () => void;
  end: () => void;
  setSharing: (on: boolean) => void;
  setView: (view: View) => void;
  mutePerson: (participant: number) => void;
  adjustAudio: (participant: number, settings: { volume?: number; pan?: number }) => void;
}

const DEVICE_ACTIONS: ReadonlyMap<string, DeviceKind> = new Map([
  ['setVideoInput', 'videoinput'],
  ['setAudioInput', 'audioinput'],
  ['setAudioOutput', 'audiooutput'],
]);

function within(value: unknown, low: number, high: number): number | null {
  return typeof value === 'number' && value >= low && value <= high ? value : null;
}

function device(message: Message, room: RoomCommands): boolean {
  const kind = DEVICE_ACTIONS.get(message.action);
  const id = message['deviceId'];
  if (!kind || typeof id !== 'string' || id === '') return false;
  room.chooseDevice(kind, id);
  return true;
}

function conference(message: Message, room: RoomCommands): boolean {
  switch (message.action) {
    case 'startCamera':
    case 'stopCamera':
      room.setCamera(message.action === 'startCamera');
      return true;
    case 'mute':
    case 'unmute':
      room.setMic(message.action === 'unmute');
      return true;
    case 'enableIncomingVideo':
    case 'disableIncomingVideo':
      room.setIncomingVideo(message.action === 'enableIncomingVideo');
      return true;
    case 'setVolume': {
      // `volumn` is how the published SDK spells it.
      const volume = within(message['volumn'] ?? message['volume'], 0, 1);
      if (volume === null) return false;
      room.setVolume(volume);
      return true;
    }
    case 'leave':
      room.leave();
      return true;
    case 'end':
      room.end();
      return true;
    case 'startShare':
    case 'stopShare':
      room.setSharing(message.action === 'startShare');
      return true;
    case 'setView': {
      const view = VIEWS.find((name) => name === message['view']);
      if (!view) return false;
      room.setView(view);
      return true;
    }
    default:
      return false;
  }
}

function participant(message: Message, room: RoomCommands): boolean {
  const id = message['id'];
  if (typeof id !== 'number') return false;
  if (message.action === 'mute') {
    room.mutePerson(id);
    return true;
  }
  if (message.action !== 'adjustAudio') return false;
  const volume = within(message['volume'], 0, 1);
  const pan = within(message['pan'], -1, 1);
  if (volume === null && pan === null) return false;
  room.adjustAudio(id, {
    ...(volume === null ? {} : { volume }),
    ...(pan === null ? {} : { pan }),
  });
  return true;
}

/** Carries a message out; false if it is unknown or malformed. */
export function dispatch(message: Message, room: RoomCommands): boolean {
  switch (message.type) {
    case 'device':
      return device(message, room);
    case 'conference':
      return conference(message, room);
    case 'participant':
      return participant(message, room);
    default:
      return false;
  }
}
