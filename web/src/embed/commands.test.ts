import { expect, test, vi } from 'vitest';
import { dispatch, type RoomCommands } from './commands';

function room() {
  return {
    chooseDevice: vi.fn(),
    setCamera: vi.fn(),
    setMic: vi.fn(),
    setIncomingVideo: vi.fn(),
    setVolume: vi.fn(),
    leave: vi.fn(),
    end: vi.fn(),
    setSharing: vi.fn(),
    setView: vi.fn(),
    mutePerson: vi.fn(),
    adjustAudio: vi.fn(),
  } satisfies RoomCommands;
}

const send = (type: string, action: string, fields = {}) => {
  const target = room();
  const known = dispatch({ type, action, ...fields }, target);
  return { known, target };
};

test('devices are chosen', () => {
  expect(
    send('device', 'setVideoInput', { deviceId: 'x' }).target.chooseDevice,
  ).toHaveBeenCalledWith('videoinput', 'x');
  expect(send('device', 'setAudioInput', { deviceId: 5 }).known).toBe(false);
});

test('microphone, camera and incoming video', () => {
  expect(send('conference', 'mute').target.setMic).toHaveBeenCalledWith(false);
  expect(send('conference', 'unmute').target.setMic).toHaveBeenCalledWith(true);
  expect(send('conference', 'startCamera').target.setCamera).toHaveBeenCalledWith(true);
  expect(send('conference', 'disableIncomingVideo').target.setIncomingVideo).toHaveBeenCalledWith(
    false,
  );
});

test('the volume, in both spellings and within bounds', () => {
  expect(send('conference', 'setVolume', { volumn: 0.5 }).target.setVolume).toHaveBeenCalledWith(
    0.5,
  );
  expect(send('conference', 'setVolume', { volume: 0 }).target.setVolume).toHaveBeenCalledWith(0);
  for (const volume of [-1, 2, '1', NaN, null]) {
    expect(send('conference', 'setVolume', { volume }).known).toBe(false);
  }
});

test('one participant’s sound', () => {
  const { target } = send('participant', 'adjustAudio', { id: 4, volume: 0.2, pan: -1 });
  expect(target.adjustAudio).toHaveBeenCalledWith(4, { volume: 0.2, pan: -1 });
  const panOnly = send('participant', 'adjustAudio', { id: 4, pan: 1 });
  expect(panOnly.target.adjustAudio).toHaveBeenCalledWith(4, { pan: 1 });
  expect(send('participant', 'adjustAudio', { id: 4 }).known).toBe(false);
  expect(send('participant', 'adjustAudio', { volume: 1 }).known).toBe(false);
});

test('a moderator’s page mutes somebody', () => {
  expect(send('participant', 'mute', { id: 4 }).target.mutePerson).toHaveBeenCalledWith(4);
  expect(send('participant', 'mute', { id: '4' }).known).toBe(false);
  expect(send('participant', 'mute').known).toBe(false);
});

test('view, share, leave and end', () => {
  expect(send('conference', 'setView', { view: 'gallery' }).target.setView).toHaveBeenCalledWith(
    'gallery',
  );
  expect(send('conference', 'setView', { view: 'x' }).known).toBe(false);
  expect(send('conference', 'startShare').target.setSharing).toHaveBeenCalledWith(true);
  expect(send('conference', 'leave').target.leave).toHaveBeenCalled();
  expect(send('conference', 'end').target.end).toHaveBeenCalled();
});

test('unknown messages are unknown', () => {
  expect(send('conference', 'dance').known).toBe(false);
  expect(send('planet', 'mute').known).toBe(false);
  expect(send('device', 'toString', { deviceId: 'x' }).known).toBe(false);
});
