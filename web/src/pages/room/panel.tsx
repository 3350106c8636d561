// The list of people, beside the pictures or over them where the frame is narrow.
import { useEffect, useRef } from 'preact/hooks';
import { Avatar } from '../../components/avatar';
import { Icon } from '../../components/icon';
import { useKeptFocus } from '../../components/kept-focus';
import { plural, t } from '../../i18n/text';
import type { Person } from '../../room/people';
import { useRoom } from './context';
import { Lead, PersonMenu, WaitingList } from './moderation';

export function PeoplePanel() {
  const room = useRoom();
  const heading = useRef<HTMLHeadingElement>(null);
  const list = useRef<HTMLUListElement>(null);
  useKeptFocus(list, '.person', () => heading.current);
  useEffect(() => heading.current?.focus(), []);
  const people = [...room.roster.people.value].sort(
    (a, b) =>
      Number(b.isLocal) - Number(a.isLocal) ||
      Number(b.moderator.value) - Number(a.moderator.value) ||
      a.name.value.localeCompare(b.name.value),
  );
  return (
    <aside class="panel" aria-label={t('people.title')}>
      <header class="panel-head">
        <h2 id="people-title" tabIndex={-1} ref={heading}>
          {t('people.title')}
        </h2>
        <span class="panel-count">{plural('room.people.count', people.length)}</span>
        <button
          type="button"
          class="icon-button"
          aria-label={t('bar.close')}
          onClick={() => (room.panel.value = null)}
        >
          <Icon name="close" size={20} />
        </button>
      </header>
      {room.shows('invite') && (
        <button type="button" class="button button-wide" onClick={() => void room.copyLink()}>
          <Icon name="link" size={18} />
          {t('people.invite')}
        </button>
      )}
      <WaitingList />
      <ul class="people" ref={list} aria-label={t('people.here')}>
        {people.map((person) => (
          <Row key={person.identity} person={person} />
        ))}
      </ul>
      <Lead />
    </aside>
  );
}

function Row({ person }: { person: Person }) {
  const name = person.name.value;
  const role = person.moderator.value
    ? t('room.moderator')
    : person.observer.value
      ? t('room.observer')
      : null;
  const marks = [person.isLocal ? t('room.you') : null, role].filter((mark) => mark !== null);
  const { value: mic } = person.micOn;
  const { value: camera } = person.camera;
  return (
    <li class={person.speaking.value ? 'person person-speaking' : 'person'}>
      <Avatar name={name} identity={person.identity} />
      <div class="person-text">
        <span class="person-name">{name}</span>
        {marks.length > 0 && <span class="person-role">{marks.join(' · ')}</span>}
      </div>
      {person.screen.value && <Icon name="share" size={18} />}
      <span class={mic ? 'mark' : 'mark mark-off'}>
        <Icon name={mic ? 'mic' : 'micOff'} size={18} />
        <span class="visually-hidden">{t(mic ? 'lobby.mic.on' : 'lobby.mic.off')}</span>
      </span>
      <span class={camera ? 'mark' : 'mark mark-off'}>
        <Icon name={camera ? 'camera' : 'cameraOff'} size={18} />
        <span class="visually-hidden">{t(camera ? 'lobby.camera.on' : 'lobby.camera.off')}</span>
      </span>
      <PersonMenu person={person} />
    </li>
  );
}
