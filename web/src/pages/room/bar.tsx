// The bar of controls. What does not fit a narrow frame moves into a menu.
import { Icon, type IconName } from '../../components/icon';
import { MenuButton, type MenuItem } from '../../components/menu';
import { VIEWS, type View } from '../../config/params';
import { t } from '../../i18n/text';
import { useRoom } from './context';
import type { RoomModel } from './model';

const VIEW_ICONS: Readonly<Record<View, IconName>> = {
  gallery: 'grid',
  bottom_speaker: 'stageBottom',
  left_side_speaker: 'stageLeft',
};

interface ControlProps {
  icon: IconName;
  label: string;
  shortcut?: string;
  pressed?: boolean;
  look?: 'off' | 'active' | 'danger';
  class?: string;
  click: () => void;
}

function Control({ icon, label, shortcut, pressed, look, class: name, click }: ControlProps) {
  return (
    <button
      type="button"
      class={`control ${look ? `control-${look}` : ''} ${name ?? ''}`}
      aria-label={label}
      aria-pressed={pressed}
      aria-keyshortcuts={shortcut}
      title={shortcut ? t('bar.key', { label, key: shortcut }) : label}
      onClick={click}
    >
      <Icon name={icon} />
      <span class="control-label" aria-hidden="true">
        {label}
      </span>
    </button>
  );
}

export function Bar() {
  const room = useRoom();
  return (
    <footer class="bar">
      <div
        class="bar-main"
        id="controls"
        role="toolbar"
        aria-label={t('room.controls')}
        tabIndex={-1}
        onKeyDown={onToolbarKey}
      >
        <Media />
        <span class="bar-gap" />
        <People />
        <Layout />
        <Volume />
        <Extras />
        <More />
        {room.shows('leave') && (
          <Control
            icon="leave"
            label={t('bar.leave')}
            look="danger"
            click={() => void room.askToLeave()}
          />
        )}
      </div>
    </footer>
  );
}

/** Arrows walk along the bar, as in every toolbar; Tab does too. */
function onToolbarKey(event: KeyboardEvent): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || event.defaultPrevented || event.target instanceof HTMLInputElement) return;
  const bar = event.currentTarget as HTMLElement;
  const buttons = [...bar.querySelectorAll<HTMLElement>('.control')].filter(
    (button) => button.offsetParent !== null,
  );
  const at = buttons.indexOf(document.activeElement as HTMLElement);
  buttons.at((at + step) % buttons.length)?.focus();
  event.preventDefault();
}

function Media() {
  const room = useRoom();
  const session = room.meeting.session.value;
  const mic = room.micOn.value;
  const camera = room.cameraOn.value;
  const sharing = session?.sharing.value ?? false;
  return (
    <>
      {room.shows('mic') && (
        <Control
          icon={mic ? 'mic' : 'micOff'}
          label={t(mic ? 'bar.mic.on' : 'bar.mic.off')}
          shortcut="M"
          {...(mic ? {} : { look: 'off' as const })}
          click={() => void room.setMic(!mic)}
        />
      )}
      {room.shows('camera') && !room.params.observer && (
        <Control
          icon={camera ? 'camera' : 'cameraOff'}
          label={t(camera ? 'bar.camera.on' : 'bar.camera.off')}
          shortcut="V"
          {...(camera ? {} : { look: 'off' as const })}
          click={() => void room.setCamera(!camera)}
        />
      )}
      {room.shows('share') && room.canShare && (
        <Control
          icon={sharing ? 'shareOff' : 'share'}
          label={t(sharing ? 'bar.share.on' : 'bar.share.off')}
          shortcut="S"
          class="at-medium"
          {...(sharing ? { look: 'active' as const } : {})}
          click={() => void room.setSharing(!sharing)}
        />
      )}
    </>
  );
}

function People() {
  const room = useRoom();
  if (!room.shows('participants')) return null;
  const open = room.panel.value === 'people';
  const count = room.roster.people.value.length;
  return (
    <button
      type="button"
      id="people-button"
      class={`control ${open ? 'control-active' : ''}`}
      aria-expanded={open}
      aria-keyshortcuts="P"
      title={t('bar.key', { label: t('bar.people'), key: 'P' })}
      onClick={() => room.togglePanel()}
    >
      <Icon name="people" />
      <span class="control-label">{t('bar.people')}</span>
      <span class="control-count">{count}</span>
    </button>
  );
}

function viewItems(room: RoomModel): MenuItem[] {
  return VIEWS.map((view) => ({
    key: view,
    label: t(`layout.${view}`),
    icon: VIEW_ICONS[view],
    checked: room.view.value === view,
    run: () => (room.view.value = view),
  }));
}

function Layout() {
  const room = useRoom();
  if (!room.shows('layout') || room.params.stripLayout) return null;
  return (
    <div class="at-medium">
      <MenuButton label={t('bar.layout')} class="control" items={viewItems(room)}>
        <Icon name={VIEW_ICONS[room.view.value]} />
        <span class="control-label" aria-hidden="true">
          {t('bar.layout')}
        </span>
      </MenuButton>
    </div>
  );
}

function Volume() {
  const room = useRoom();
  // Beside everything else the system's volume does; alone, as at a watch party, it is wanted.
  if (!room.shows('volume') || !(room.params.showOnly?.includes('volume') ?? false)) return null;
  const volume = room.meeting.volume.value;
  return (
    <label class="volume">
      <Icon name={volume === 0 ? 'volumeOff' : 'volume'} size={20} />
      <span class="visually-hidden">{t('volume.label')}</span>
      <input
        type="range"
        min="0"
        max="100"
        value={Math.round(volume * 100)}
        onInput={(event) => room.setVolume(Number(event.currentTarget.value) / 100)}
      />
    </label>
  );
}

function Extras() {
  const room = useRoom();
  return (
    <>
      {room.shows('settings') && (
        <Control
          icon="settings"
          label={t('bar.settings')}
          class="at-wide"
          click={() => (room.dialog.value = 'settings')}
        />
      )}
      {room.shows('fullscreen') && room.canFullscreen && (
        <Control
          icon={room.fullscreen.value ? 'fullscreenExit' : 'fullscreen'}
          label={t(room.fullscreen.value ? 'bar.fullscreen.on' : 'bar.fullscreen.off')}
          shortcut="F"
          class="at-wide"
          click={() => void room.toggleFullscreen()}
        />
      )}
    </>
  );
}

function More() {
  const room = useRoom();
  const sharing = room.meeting.session.value?.sharing.value ?? false;
  const items: MenuItem[] = [];
  if (room.shows('share') && room.canShare) {
    items.push({
      key: 'share',
      class: 'below-medium',
      label: t(sharing ? 'bar.share.on' : 'bar.share.off'),
      icon: sharing ? 'shareOff' : 'share',
      run: () => void room.setSharing(!sharing),
    });
  }
  if (room.shows('layout') && !room.params.stripLayout) {
    items.push(...viewItems(room).map((item) => ({ ...item, class: 'below-medium' })));
  }
  if (room.shows('settings')) {
    items.push({
      key: 'settings',
      label: t('bar.settings'),
      icon: 'settings',
      run: () => (room.dialog.value = 'settings'),
    });
  }
  if (room.shows('fullscreen') && room.canFullscreen) {
    items.push({
      key: 'fullscreen',
      label: t(room.fullscreen.value ? 'bar.fullscreen.on' : 'bar.fullscreen.off'),
      icon: 'fullscreen',
      run: () => void room.toggleFullscreen(),
    });
  }
  if (items.length === 0) return null;
  return (
    <div class="below-wide">
      <MenuButton label={t('bar.more')} class="control" items={items} align="end">
        <Icon name="more" />
        <span class="control-label" aria-hidden="true">
          {t('bar.more')}
        </span>
      </MenuButton>
    </div>
  );
}
