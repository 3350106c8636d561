// What moderators see and others do not: who waits, what can be done to somebody, what holds for all.
import { useId, useRef } from 'preact/hooks';
import { Avatar } from '../../components/avatar';
import { Icon } from '../../components/icon';
import { useKeptFocus } from '../../components/kept-focus';
import { MenuButton, type MenuItem } from '../../components/menu';
import { t } from '../../i18n/text';
import type { Person } from '../../room/people';
import { MUTE_MODES } from '../../room/rules';
import { useRoom } from './context';
import type { RoomModel } from './model';

/** Over the pictures while somebody waits, until a moderator has looked. What it says is read out by itself (notices). */
export function WaitingBanner() {
  const room = useRoom();
  const root = useRef<HTMLDivElement>(null);
  useKeptFocus(root, '.banner', () => document.getElementById('people-button'));
  const waiting = room.roster.waiting.value;
  const [first] = waiting;
  const shown = first && room.meeting.moderates.value && room.panel.value !== 'people';
  return (
    <div ref={root}>
      {shown && (
        <div class="banner" role="region" aria-label={t('people.waiting')}>
          <Icon name="door" size={20} />
          <span>
            {waiting.length === 1
              ? t('banner.waiting', { name: first.name })
              : t('banner.waiting.many', { count: String(waiting.length) })}
          </span>
          {waiting.length === 1 && (
            <button
              type="button"
              class="button button-primary button-small"
              onClick={() => void room.moderate('admit', first.number)}
            >
              {t('people.admit')}
            </button>
          )}
          <button
            type="button"
            class="button button-small"
            onClick={() => (room.panel.value = 'people')}
          >
            {t('banner.waiting.show')}
          </button>
        </div>
      )}
    </div>
  );
}

/** The waiting room, at the top of the panel. */
export function WaitingList() {
  const room = useRoom();
  const title = useId();
  const root = useRef<HTMLElement>(null);
  const waiting = room.roster.waiting.value;
  useKeptFocus(root, '.person-waiting', () => document.getElementById('people-title'));
  if (!room.meeting.moderates.value || waiting.length === 0) return null;
  return (
    <section class="waiting" ref={root} aria-labelledby={title}>
      <header class="waiting-head">
        <h3 id={title}>{t('people.waiting')}</h3>
        {waiting.length > 1 && (
          <button type="button" class="button button-small" onClick={() => void room.admitAll()}>
            {t('people.admit.all')}
          </button>
        )}
      </header>
      <ul class="people">
        {waiting.map(({ identity, number, name }) => (
          <li key={identity} class="person person-waiting">
            <Avatar name={name} identity={identity} />
            <div class="person-text">
              <span class="person-name">{name}</span>
            </div>
            <div class="waiting-choice">
              <button
                type="button"
                class="button button-small"
                aria-label={t('people.reject.one', { name })}
                onClick={() => void room.moderate('reject', number)}
              >
                {t('people.reject')}
              </button>
              <button
                type="button"
                class="button button-primary button-small"
                aria-label={t('people.admit.one', { name })}
                onClick={() => void room.moderate('admit', number)}
              >
                {t('people.admit')}
              </button>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What a moderator can do to somebody else. */
export function PersonMenu({ person }: { person: Person }) {
  const room = useRoom();
  if (!room.meeting.moderates.value || person.isLocal) return null;
  const label = t('people.actions', { name: person.name.value });
  return (
    <MenuButton label={label} class="icon-button" items={itemsFor(room, person)} floating>
      <Icon name="more" size={20} />
    </MenuButton>
  );
}

function itemsFor(room: RoomModel, person: Person): MenuItem[] {
  const { number } = person;
  const leads = person.moderator.value;
  return [
    person.micOn.value
      ? {
          key: 'mute',
          label: t('people.mute'),
          icon: 'micOff',
          run: () => void room.moderate('mute', number),
        }
      : {
          key: 'ask',
          label: t('people.askUnmute'),
          icon: 'mic',
          run: () => void room.moderate('ask_unmute', number),
        },
    ...(person.camera.value
      ? [
          {
            key: 'camera',
            label: t('people.cameraOff'),
            icon: 'cameraOff' as const,
            run: () => void room.moderate('camera_off', number),
          },
        ]
      : []),
    {
      key: 'role',
      label: t(leads ? 'people.demote' : 'people.promote'),
      icon: 'star',
      run: () => void room.moderate(leads ? 'demote' : 'promote', number),
    },
    {
      key: 'remove',
      label: t('people.remove'),
      icon: 'door',
      danger: true,
      run: () => room.askToRemove(person),
    },
  ];
}

/** What moderators set for everybody, at the bottom of the panel. */
export function Lead() {
  const room = useRoom();
  const title = useId();
  if (!room.meeting.moderates.value) return null;
  const { locked } = room.meeting.rules.value;
  return (
    <section class="lead" aria-labelledby={title}>
      <h3 id={title}>{t('lead.title')}</h3>
      {room.shows('mute_mode') && <ModePicker />}
      <div class="lead-actions">
        <button type="button" class="button button-small" onClick={() => void room.muteAll()}>
          <Icon name="micOff" size={18} />
          {t('lead.muteAll')}
        </button>
        {room.shows('lock') && (
          <button
            type="button"
            class="button button-small"
            onClick={() => void room.order({ action: locked ? 'unlock' : 'lock' })}
          >
            <Icon name="lock" size={18} />
            {t(locked ? 'lead.unlock' : 'lead.lock')}
          </button>
        )}
        <button
          type="button"
          class="button button-small"
          onClick={() => void room.order({ action: 'unmute_all' })}
        >
          <Icon name="mic" size={18} />
          {t('lead.unmuteAll')}
        </button>
        {room.shows('end') && (
          <button
            type="button"
            class="button button-small lead-end"
            onClick={() => (room.dialog.value = 'end')}
          >
            <Icon name="leave" size={18} />
            {t('lead.end')}
          </button>
        )}
      </div>
      {locked && <p class="lead-note">{t('lead.locked')}</p>}
    </section>
  );
}

function ModePicker() {
  const room = useRoom();
  const { muteMode } = room.meeting.rules.value;
  const now = t(`lead.mode.${muteMode}`);
  const items = MUTE_MODES.map((mode) => ({
    key: mode,
    label: t(`lead.mode.${mode}`),
    checked: mode === muteMode,
    run: () => void room.order({ action: 'set_mute_mode', mute_mode: mode }),
  }));
  return (
    <div class="lead-mode">
      <span aria-hidden="true">{t('lead.mode')}</span>
      <MenuButton label={t('lead.mode.now', { mode: now })} class="choice" items={items} floating>
        <Icon name="mic" size={20} />
        <span>{now}</span>
      </MenuButton>
    </div>
  );
}
