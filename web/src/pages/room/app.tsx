// The room page: which of its faces is shown, and the frame around the meeting.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from '../../components/icon';
import { Logo } from '../../components/logo';
import { ToastList } from '../../components/toasts';
import { useSize } from '../../components/use-size';
import { clock, t } from '../../i18n/text';
import { Bar } from './bar';
import { useRoom } from './context';
import { Dialogs } from './dialogs';
import { Joining, Knocking, PinPrompt, Waiting } from './door';
import { Ending } from './ending';
import { Lobby, OneClick } from './lobby';
import { WaitingBanner } from './moderation';
import { PeoplePanel } from './panel';
import { onShortcut } from './shortcuts';
import { Stage } from './stage';

export function App() {
  const room = useRoom();
  const phase = room.meeting.phase.value;
  return (
    <>
      {phase.at === 'in' ? <MeetingView /> : <Outside />}
      <Dialogs />
      <ToastList toasts={room.toasts} />
    </>
  );
}

// --- outside the meeting

function Outside() {
  const room = useRoom();
  return (
    <div class={`outside ${room.params.stripLayout ? 'outside-thin' : ''}`}>
      {room.shows('logo') && (
        <header class="outside-head">
          <Logo
            product={room.page.tenant.productName}
            company={room.page.tenant.company}
            picture={room.page.tenant.logoUrl}
          />
        </header>
      )}
      <main class="outside-main">
        <Face />
      </main>
    </div>
  );
}

function Face() {
  const room = useRoom();
  const { meeting, entrance, params } = room;
  const phase = meeting.phase.value;
  switch (phase.at) {
    case 'lobby':
      return entrance.value === 'one_click' ? (
        <OneClick name={room.knownName ?? ''} go={() => void room.goDirectly()} />
      ) : entrance.value === 'direct' ? (
        <Joining />
      ) : (
        <Lobby />
      );
    case 'starting':
      return params.handoff ? <Joining /> : null;
    case 'joining':
      return entrance.value === 'lobby' ? <Lobby /> : <Joining />;
    case 'pin':
      return <PinPrompt wrong={phase.wrong} />;
    case 'waiting':
      return <Waiting {...phase} />;
    case 'knocking':
      return <Knocking />;
    case 'over':
      return <Ending ending={phase.ending} without={() => void room.goWithout()} />;
    default:
      return null;
  }
}

// --- inside

function MeetingView() {
  const room = useRoom();
  const open = room.panel.value === 'people';
  const title =
    room.meeting.admission.value?.conference.subject ??
    room.page.conference.subject ??
    t('room.label');
  useEffect(() => {
    const key = (event: KeyboardEvent) => onShortcut(event, room);
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  }, [room]);
  return (
    <div class={`room ${room.params.stripLayout ? 'room-thin' : ''}`}>
      <a class="skip" href="#controls">
        {t('page.skip')}
      </a>
      <Head title={title} />
      <Banners />
      <div class="room-body">
        <main class="room-main" aria-label={t('room.label')}>
          <h1 class="visually-hidden">{title}</h1>
          <Stage />
        </main>
        {open && <PeoplePanel />}
      </div>
      {room.controls.size > 0 && <Bar />}
    </div>
  );
}

function Head({ title }: { title: string }) {
  const room = useRoom();
  const shown = room.shows('logo') || room.shows('title') || room.shows('timer');
  if (!shown || room.params.stripLayout) return null;
  return (
    <header class="room-head">
      {room.shows('logo') && (
        <Logo product={room.page.tenant.productName} picture={room.page.tenant.logoUrl} />
      )}
      {room.shows('title') && <span class="room-title">{title}</span>}
      {room.meeting.rules.value.locked && (
        <span class="room-lock">
          <Icon name="lock" size={18} />
          {t('banner.locked')}
        </span>
      )}
      {room.shows('timer') && (
        <span class="room-time" role="timer" aria-label={t('room.elapsed')}>
          {clock(room.elapsed.value)}
        </span>
      )}
    </header>
  );
}

function Banners() {
  const room = useRoom();
  const root = useRef<HTMLDivElement>(null);
  const height = useSize(root)?.height ?? 0;
  const blocked = room.meeting.session.value?.soundBlocked.value ?? false;
  // On narrow pages notices come below the banners, however high these are.
  useLayoutEffect(() => {
    const { style } = document.documentElement;
    style.setProperty('--banners', `${height}px`);
    return () => style.removeProperty('--banners');
  }, [height]);
  return (
    <div class="banners" ref={root}>
      <div role="status" aria-live="assertive">
        {room.cutOff.value && (
          <div class="banner banner-warning">
            <span class="spinner" aria-hidden="true" />
            {t('banner.reconnecting')}
          </div>
        )}
      </div>
      <WaitingBanner />
      {blocked && !room.cutOff.value && (
        <div class="banner" role="alert">
          <Icon name="volumeOff" size={20} />
          <span>{t('banner.sound')}</span>
          <button
            type="button"
            class="button button-primary button-small"
            onClick={() => void room.meeting.session.peek()?.unblockSound()}
          >
            {t('banner.sound.go')}
          </button>
        </div>
      )}
    </div>
  );
}
