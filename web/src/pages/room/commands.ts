// What the framing page may ask of the room.
import type { View } from '../../config/params';
import type { RoomCommands } from '../../embed/commands';
import type { DeviceKind } from '../../room/devices';
import type { RoomModel } from './model';

export function commandsOf(room: RoomModel): RoomCommands {
  return {
    chooseDevice: (kind: DeviceKind, id: string) => void room.chooseDevice(kind, id),
    // A page outside may only switch on what the visitor has let this page use before.
    setCamera: (on: boolean) => {
      if (!on || room.devices.granted.has('camera')) void room.setCamera(on);
    },
    setMic: (on: boolean) => {
      if (!on || room.devices.granted.has('mic')) void room.setMic(on);
    },
    setIncomingVideo: (on: boolean) => (room.incomingVideo.value = on),
    setVolume: (volume: number) => room.setVolume(volume),
    leave: () => void room.meeting.leave(),
    end: () => {
      if (room.meeting.moderates.peek()) void room.endForAll();
    },
    mutePerson: (number: number) => {
      if (room.meeting.moderates.peek()) void room.moderate('mute', number);
    },
    setSharing: (on: boolean) => void room.setSharing(on),
    setView: (view: View) => (room.view.value = view),
    adjustAudio: (number: number, settings: { volume?: number; pan?: number }) => {
      const person = room.roster.byNumber(number);
      if (person) room.meeting.session.peek()?.adjust(person.identity, settings);
    },
  };
}
