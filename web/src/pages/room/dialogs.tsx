// The dialogs of a running meeting.
import type { ComponentChildren } from 'preact';
import { Dialog } from '../../components/dialog';
import { Switch } from '../../components/fields';
import { Icon } from '../../components/icon';
import { t } from '../../i18n/text';
import type { Person } from '../../room/people';
import { useRoom } from './context';
import { DevicePickers } from './device-pickers';

export function Dialogs() {
  const room = useRoom();
  switch (room.dialog.value) {
    case 'settings':
      return <SettingsDialog />;
    case 'leave':
      return <LeaveDialog ends={false} />;
    case 'end':
      return <LeaveDialog ends />;
    case 'remove':
      return <RemoveDialog />;
    default:
      return room.asked.value && <UnmuteDialog asker={room.asked.value.by} />;
  }
}

function SettingsDialog() {
  const room = useRoom();
  const close = () => (room.dialog.value = null);
  return (
    <Dialog title={t('settings.title')} close={close}>
      <section class="dialog-part">
        <h3>{t('settings.devices')}</h3>
        <DevicePickers />
        {!room.devices.canChooseSpeaker && <p class="field-hint">{t('settings.speaker.fixed')}</p>}
      </section>
      <section class="dialog-part">
        <h3>{t('settings.general')}</h3>
        <Switch
          label={t('settings.mirror')}
          on={room.mirror.value}
          change={(on) => room.setMirror(on)}
        />
        <Switch
          label={t('settings.incoming')}
          on={room.incomingVideo.value}
          change={(on) => (room.incomingVideo.value = on)}
        />
        <Switch
          label={t('settings.shortcuts')}
          hint={t('settings.shortcuts.list')}
          on={room.shortcuts.value}
          change={(on) => room.setShortcuts(on)}
        />
        {room.shows('volume') && (
          <label class="volume-row">
            <span>{t('volume.label')}</span>
            <input
              type="range"
              min="0"
              max="100"
              value={Math.round(room.meeting.volume.value * 100)}
              onInput={(event) => room.setVolume(Number(event.currentTarget.value) / 100)}
            />
          </label>
        )}
      </section>
      <footer class="dialog-foot">
        <button type="button" class="button button-primary" onClick={close}>
          {t('settings.done')}
        </button>
      </footer>
    </Dialog>
  );
}

interface QuestionProps {
  title: string;
  text: string;
  /** Of the button that changes nothing. */
  stay: string;
  close: () => void;
  /** The buttons that do something. */
  children: ComponentChildren;
}

function Question({ title, text, stay, close, children }: QuestionProps) {
  return (
    <Dialog title={title} close={close} class="dialog-small">
      <p class="dialog-text">{text}</p>
      <footer class="dialog-foot dialog-foot-stack">
        {children}
        <button type="button" class="button" onClick={close}>
          {stay}
        </button>
      </footer>
    </Dialog>
  );
}

/** A moderator who leaves may end the meeting instead; one who ends it is asked whether to. */
function LeaveDialog({ ends }: { ends: boolean }) {
  const room = useRoom();
  return (
    <Question
      title={t(ends ? 'leave.end.title' : 'leave.title')}
      text={t(ends ? 'leave.end.text' : 'leave.lead')}
      stay={t('leave.stay')}
      close={() => (room.dialog.value = null)}
    >
      {!ends && (
        <button
          type="button"
          class="button button-primary"
          onClick={() => void room.meeting.leave()}
        >
          <Icon name="door" size={20} />
          {t('leave.leave')}
        </button>
      )}
      <button type="button" class="button button-danger" onClick={() => void room.endForAll()}>
        <Icon name="leave" size={20} />
        {t('leave.end')}
      </button>
    </Question>
  );
}

/** A moderator would like to hear us; whether it does is ours to say. */
function UnmuteDialog({ asker }: { asker: Person | null }) {
  const room = useRoom();
  const close = () => (room.asked.value = null);
  return (
    <Question
      title={t('unmute.title')}
      text={asker ? t('unmute.by', { name: asker.name.value }) : t('unmute.text')}
      stay={t('unmute.stay')}
      close={close}
    >
      <button
        type="button"
        class="button button-primary"
        onClick={() => {
          close();
          void room.setMic(true);
        }}
      >
        <Icon name="mic" size={20} />
        {t('unmute.go')}
      </button>
    </Question>
  );
}

function RemoveDialog() {
  const room = useRoom();
  const close = () => (room.dialog.value = null);
  const person = room.removing.value;
  if (!person) return null;
  return (
    <Question
      title={t('remove.title', { name: person.name.value })}
      text={t('remove.text')}
      stay={t('remove.stay')}
      close={close}
    >
      <button
        type="button"
        class="button button-danger"
        onClick={() => {
          close();
          void room.moderate('remove', person.number);
        }}
      >
        <Icon name="door" size={20} />
        {t('remove.go')}
      </button>
    </Question>
  );
}
