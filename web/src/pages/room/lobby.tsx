// Before the meeting: name, and a look at what others will see and hear.
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Avatar } from '../../components/avatar';
import { TextField } from '../../components/fields';
import { Icon } from '../../components/icon';
import { TrackVideo } from '../../components/video';
import { remember, remembered } from '../../config/remembered';
import { t } from '../../i18n/text';
import type { MediaName } from '../../room/devices';
import { useRoom } from './context';
import { DevicePickers } from './device-pickers';
import { problemText } from './model';

export function Lobby() {
  const room = useRoom();
  const { devices, meeting, params, page } = room;
  const name = useSignal(
    room.knownName ?? room.page.conference.registration?.name ?? remembered('name') ?? '',
  );
  const problem = useSignal<string | null>(null);
  const mic = useSignal(room.wanted.mic);
  const camera = useSignal(room.wanted.camera);
  const field = useRef<HTMLInputElement>(null);
  const joining = meeting.phase.value.at === 'joining';

  useEffect(() => {
    // A name that is there already needs no keyboard over half of a telephone.
    if (name.peek() === '') field.current?.focus();
    void devices.open({ mic: mic.peek(), camera: camera.peek() });
  }, []);

  const toggle = (which: MediaName) => {
    const wanted = which === 'mic' ? mic : camera;
    wanted.value = !wanted.value;
    if (!wanted.value) devices.close(which);
    else void devices.open({ mic: which === 'mic', camera: which === 'camera' });
  };

  const submit = (event: Event) => {
    event.preventDefault();
    const chosen = name.value.trim();
    if (chosen === '') {
      problem.value = t('lobby.name.empty');
      field.current?.focus();
      return;
    }
    remember('name', chosen);
    void meeting.enter({
      name: chosen,
      takeMic: () => devices.take('mic'),
      takeCamera: () => devices.take('camera'),
      // Who is faster than the devices meant them all the same.
      wantMic: mic.value && devices.isComing('mic'),
      wantCamera: camera.value && devices.isComing('camera'),
    });
  };

  const { subject, hostName } = page.conference;
  return (
    <form class="lobby" onSubmit={submit} aria-busy={joining}>
      <div class="lobby-look">
        <Preview
          name={name.value}
          mic={mic.value}
          camera={camera.value}
          toggle={toggle}
          observer={params.observer}
        />
        <Problems
          retry={(which) => void devices.open({ mic: which === 'mic', camera: which === 'camera' })}
        />
      </div>
      <div class="lobby-form">
        <h1>{subject ?? t('lobby.title')}</h1>
        {hostName && <p class="lobby-host">{t('lobby.host', { host: hostName })}</p>}
        {params.observer && <p class="notice">{t('lobby.observer')}</p>}
        <TextField
          label={t('lobby.name')}
          value={name.value}
          input={(value) => {
            name.value = value;
            problem.value = null;
          }}
          error={problem.value}
          autocomplete="name"
          maxLength={100}
          field={field}
        />
        <DevicePickers />
        <button type="submit" class="button button-primary button-large" disabled={joining}>
          {joining && <span class="spinner" aria-hidden="true" />}
          {t(joining ? 'lobby.joining' : params.observer ? 'lobby.join.observer' : 'lobby.join')}
        </button>
      </div>
    </form>
  );
}

interface PreviewProps {
  name: string;
  mic: boolean;
  camera: boolean;
  observer: boolean;
  toggle: (which: MediaName) => void;
}

function Preview({ name, mic, camera, observer, toggle }: PreviewProps) {
  const { devices } = useRoom();
  const track = devices.preview.value.camera;
  const hasMic = mic && devices.preview.value.mic !== null;
  const hasCamera = camera && track !== null;
  return (
    <div class="preview">
      {hasCamera ? (
        <TrackVideo track={track} label={t('lobby.preview')} />
      ) : (
        <div class="preview-off">
          <Avatar name={name || '?'} identity={name} />
          <p>{t(devices.opening.value.camera ? 'lobby.camera.starting' : 'lobby.camera.isOff')}</p>
        </div>
      )}
      <div class="preview-bar">
        <button
          type="button"
          class={`round ${hasMic ? '' : 'round-off'}`}
          aria-pressed={hasMic}
          aria-label={t('lobby.mic')}
          title={t(hasMic ? 'lobby.mic.on' : 'lobby.mic.off')}
          onClick={() => toggle('mic')}
        >
          <Icon name={hasMic ? 'mic' : 'micOff'} />
        </button>
        {!observer && (
          <button
            type="button"
            class={`round ${hasCamera ? '' : 'round-off'}`}
            aria-pressed={hasCamera}
            aria-label={t('lobby.camera')}
            title={t(hasCamera ? 'lobby.camera.on' : 'lobby.camera.off')}
            onClick={() => toggle('camera')}
          >
            <Icon name={hasCamera ? 'camera' : 'cameraOff'} />
          </button>
        )}
      </div>
      {hasMic && <LevelMeter />}
    </div>
  );
}

const SEGMENTS = 12;

function LevelMeter() {
  const { devices } = useRoom();
  const lit = useComputed(() => Math.round(devices.level.value * SEGMENTS));
  return (
    <div
      class="level"
      role="meter"
      aria-label={t('lobby.level')}
      aria-valuemin={0}
      aria-valuemax={SEGMENTS}
      aria-valuenow={lit.value}
      aria-valuetext={t(lit.value > 2 ? 'lobby.level.heard' : 'lobby.level.quiet')}
    >
      {Array.from({ length: SEGMENTS }, (_, index) => (
        <i key={index} class={index < lit.value ? 'lit' : ''} />
      ))}
    </div>
  );
}

function Problems({ retry }: { retry: (which: MediaName) => void }) {
  const room = useRoom();
  const { mic, camera } = room.devices.problems.value;
  const list = (
    [
      ['mic', mic],
      ['camera', room.params.observer ? null : camera],
    ] as const
  ).flatMap(([which, problem]) => (problem ? [{ which, problem }] : []));
  if (list.length === 0) return null;
  return (
    <div class="problems" role="alert">
      {list.map(({ which, problem }) => (
        <div key={which} class="problem">
          <Icon name={which === 'mic' ? 'micOff' : 'cameraOff'} size={20} />
          <p>
            <strong>{t(`problem.${which}`)}</strong>
            {problemText(problem)}
          </p>
          <button type="button" class="button button-small" onClick={() => retry(which)}>
            {t('problem.again')}
          </button>
        </div>
      ))}
    </div>
  );
}

/** Name known and no check wanted: one click stands between an address and a running camera. */
export function OneClick({ name, go }: { name: string; go: () => void }) {
  const { page } = useRoom();
  return (
    <div class="card card-center">
      <Avatar name={name} identity={name} />
      <h1>{page.conference.subject ?? t('lobby.title')}</h1>
      <p>{t('lobby.one.lead')}</p>
      <button type="button" class="button button-primary button-large" onClick={go}>
        {t('lobby.one', { name })}
      </button>
    </div>
  );
}
