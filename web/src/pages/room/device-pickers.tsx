// Choosing microphone, camera and speaker.
import { SelectField } from '../../components/fields';
import { t } from '../../i18n/text';
import type { DeviceKind } from '../../room/devices';
import { useRoom } from './context';

const FIELDS = [
  { kind: 'audioinput', icon: 'mic', label: 'lobby.mic' },
  { kind: 'videoinput', icon: 'camera', label: 'lobby.camera' },
  { kind: 'audiooutput', icon: 'volume', label: 'lobby.speaker' },
] as const;

export function DevicePickers() {
  const room = useRoom();
  const { devices } = room;
  const lists: Readonly<Record<DeviceKind, readonly MediaDeviceInfo[]>> = {
    audioinput: devices.mics.value,
    videoinput: room.params.observer ? [] : devices.cameras.value,
    audiooutput: devices.speakers.value,
  };
  const fields = FIELDS.filter(({ kind }) => {
    if (kind === 'videoinput') return !room.params.observer;
    return kind !== 'audiooutput' || devices.canChooseSpeaker;
  });
  return (
    <div class="pickers">
      {fields.map(({ kind, icon, label }) => (
        <SelectField
          key={kind}
          icon={icon}
          label={t(label)}
          empty={t('lobby.device.default')}
          value={devices.chosen.value[kind]}
          options={lists[kind].map((device, index) => ({
            id: device.deviceId,
            label: device.label || t('lobby.device.number', { kind: t(label), number: index + 1 }),
          }))}
          change={(id) => void room.chooseDevice(kind, id)}
        />
      ))}
    </div>
  );
}
