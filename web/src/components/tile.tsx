// One person's tile: picture or initials, name, microphone, connection, and a ring while speaking.
import { useEffect } from 'preact/hooks';
import { t } from '../i18n/text';
import type { Person, Quality } from '../room/people';
import { Avatar } from './avatar';
import { Bars, Icon } from './icon';
import { SourceVideo } from './video';

const BARS: Readonly<Record<Quality, number | null>> = {
  unknown: null,
  excellent: 4,
  good: 3,
  poor: 1,
  lost: 0,
};

interface TileProps {
  person: Person;
  /** Whether videos of others are wanted at all. */
  incoming: boolean;
  mirror: boolean;
  compact?: boolean;
}

/** What a screen reader says of the tile. */
function describe(person: Person): string {
  const name = person.isLocal ? t('room.you.name', { name: person.name.value }) : person.name.value;
  const states = [
    person.micOn.value ? null : t('room.muted'),
    person.camera.value ? null : t('room.camera.off'),
    person.speaking.value ? t('room.speaking') : null,
  ];
  return [name, ...states.filter((state) => state !== null)].join(', ');
}

export function Tile({ person, incoming, mirror, compact }: TileProps) {
  const camera = person.isLocal || incoming ? person.camera.value : null;
  useEffect(() => camera?.ask?.(), [camera]);
  const name = person.name.value;
  const speaking = person.speaking.value && person.micOn.value;
  return (
    <div
      class={`tile ${speaking ? 'tile-speaking' : ''} ${compact ? 'tile-compact' : ''}`}
      role="group"
      aria-label={describe(person)}
      data-identity={person.identity}
    >
      {camera && !camera.ask ? (
        <SourceVideo
          source={camera}
          mirrored={person.isLocal && mirror}
          label={person.isLocal ? t('room.you') : name}
        />
      ) : (
        <Avatar name={name} identity={person.identity} />
      )}
      {camera?.paused.value && (
        <div class="tile-paused">
          <Icon name="noSignal" size={20} />
          <span>{t('room.paused')}</span>
        </div>
      )}
      <QualityMark quality={person.quality.value} />
      <div class="tile-tag">
        <MicMark on={person.micOn.value} speaking={speaking} />
        <span class="tile-name">{person.isLocal ? t('room.you') : name}</span>
      </div>
    </div>
  );
}

/** A crossed-out microphone, or while speaking three bars that move. */
export function MicMark({ on, speaking }: { on: boolean; speaking: boolean }) {
  if (!on) return <Icon name="micOff" size={16} />;
  if (!speaking) return null;
  return (
    <span class="voice" aria-hidden="true">
      <i />
      <i />
      <i />
    </span>
  );
}

/** Shown only where there is something to worry about. */
function QualityMark({ quality }: { quality: Quality }) {
  const bars = BARS[quality];
  if (bars === null || bars > 2) return null;
  return (
    <div
      class="tile-quality"
      role="img"
      aria-label={t(`room.quality.${quality as 'poor' | 'lost'}`)}
    >
      {bars === 0 ? <Icon name="noSignal" size={16} /> : <Bars filled={bars} />}
    </div>
  );
}
