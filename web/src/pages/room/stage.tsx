// The pictures: gallery, speaker views, a shared screen, or the thin strip.
import { useRef, useState } from 'preact/hooks';
import { Icon } from '../../components/icon';
import { Tile } from '../../components/tile';
import { useSize, type Size } from '../../components/use-size';
import { SourceVideo } from '../../components/video';
import { t } from '../../i18n/text';
import {
  fit,
  galleryAspects,
  galleryCapacity,
  packGallery,
  stageLayout,
  stripSide,
  thinStrip,
  type Rect,
  type StripSide,
} from '../../room/layout';
import { galleryOrder, type Person } from '../../room/people';
import { useRoom } from './context';

const place = ({ x, y, width, height }: Rect) => ({
  transform: `translate(${x}px, ${y}px)`,
  width: `${width}px`,
  height: `${height}px`,
});

export function Stage() {
  const room = useRoom();
  const area = useRef<HTMLDivElement>(null);
  const size = useSize(area);
  const strip = room.params.stripLayout;
  return (
    <div class={`stage ${strip ? 'stage-thin' : ''}`} ref={area}>
      {size && (strip ? <ThinStrip size={size} /> : <Pictures size={size} />)}
    </div>
  );
}

function Pictures({ size }: { size: Size }) {
  const room = useRoom();
  const people = room.tiles.value;
  const sharer = room.sharer.value;
  const view = room.view.value;
  if (sharer) return <Staged size={size} sharer={sharer} people={people} />;
  if (view !== 'gallery' && people.length > 1) {
    return <Staged size={size} sharer={null} people={people} />;
  }
  return <Gallery size={size} people={people} />;
}

// --- gallery

function Gallery({ size, people }: { size: Size; people: readonly Person[] }) {
  const room = useRoom();
  const [page, setPage] = useState(0);
  const gap = size.width < 600 ? 6 : 10;
  const capacity = galleryCapacity(size.width, size.height - 44, gap);
  const most = Math.max(1, Math.min(capacity, room.params.tiles ?? 49));
  const pages = Math.max(1, Math.ceil(people.length / most));
  const current = Math.min(page, pages - 1);
  const order = galleryOrder(people, most, room.roster.lastSpoke.value);
  const shown = order.slice(current * most, (current + 1) * most);
  const height = pages > 1 ? size.height - 44 : size.height;
  const rects = packGallery(shown.length, {
    width: size.width,
    height,
    gap,
    ...galleryAspects(size.width, height),
  });
  return (
    <>
      <div class="tiles" role="list" aria-label={t('room.strip')}>
        {shown.map((person, index) => {
          const rect = rects[index];
          return (
            rect && (
              <div key={person.identity} role="listitem" class="tile-place" style={place(rect)}>
                <RoomTile person={person} compact={rect.width < 200} />
              </div>
            )
          );
        })}
      </div>
      {room.others.value.length === 0 && <Alone />}
      {pages > 1 && <Pager page={current} pages={pages} go={setPage} />}
    </>
  );
}

function RoomTile({ person, compact }: { person: Person; compact: boolean }) {
  const room = useRoom();
  return (
    <Tile
      person={person}
      incoming={room.incomingVideo.value}
      mirror={room.mirror.value}
      compact={compact}
    />
  );
}

function Alone() {
  const room = useRoom();
  return (
    <div class="alone">
      <strong>{t('room.alone')}</strong>
      {room.shows('invite') && (
        <>
          <span>{t('room.alone.hint')}</span>
          <button type="button" class="button button-small" onClick={() => void room.copyLink()}>
            <Icon name="link" size={18} />
            {t('people.invite')}
          </button>
        </>
      )}
    </div>
  );
}

interface PagerProps {
  page: number;
  pages: number;
  go: (page: number) => void;
}

function Pager({ page, pages, go }: PagerProps) {
  return (
    <nav class="pager" aria-label={t('room.page', { page: page + 1, pages })}>
      <button
        type="button"
        class="icon-button"
        disabled={page === 0}
        aria-label={t('room.page.previous')}
        onClick={() => go(page - 1)}
      >
        <Icon name="left" size={20} />
      </button>
      <span aria-live="polite">{t('room.page', { page: page + 1, pages })}</span>
      <button
        type="button"
        class="icon-button"
        disabled={page >= pages - 1}
        aria-label={t('room.page.next')}
        onClick={() => go(page + 1)}
      >
        <Icon name="right" size={20} />
      </button>
    </nav>
  );
}

// --- a large picture and a strip

interface StagedProps {
  size: Size;
  /** Whose screen is large; a person's camera where nobody shares. */
  sharer: Person | null;
  people: readonly Person[];
}

function speakerOf(people: readonly Person[], floor: string | null): Person | undefined {
  return (
    people.find((person) => person.identity === floor) ??
    people.find((person) => !person.isLocal) ??
    people[0]
  );
}

function Staged({ size, sharer, people }: StagedProps) {
  const room = useRoom();
  const gap = size.width < 600 ? 6 : 10;
  const view = room.view.value;
  const wanted: StripSide =
    view === 'left_side_speaker' ? 'left' : view === 'gallery' ? 'right' : 'bottom';
  const side = stripSide(wanted, size.width, size.height, room.params.autoView);
  const speaker = speakerOf(people, room.roster.floor.value);
  const others = sharer ? people : people.filter((person) => person !== speaker);
  const { stage, strip, tile, visible } = stageLayout(size.width, size.height, gap, side);
  const order = galleryOrder(others, visible, room.roster.lastSpoke.value);
  const alone = others.length === 0;
  const large = alone ? { x: 0, y: 0, ...size } : stage;
  return (
    <>
      <div class="stage-main" style={place(large)}>
        {sharer ? <Screen sharer={sharer} area={large} /> : <Speaker person={speaker} />}
      </div>
      {!alone && (
        <div
          class={`strip strip-${side}`}
          style={{ ...place(strip), gap: `${gap}px` }}
          role="list"
          aria-label={t('room.strip')}
          tabIndex={0}
        >
          {order.map((person) => (
            <div
              key={person.identity}
              role="listitem"
              class="strip-tile"
              style={{ width: `${tile.width}px`, height: `${tile.height}px` }}
            >
              <RoomTile person={person} compact />
            </div>
          ))}
        </div>
      )}
    </>
  );
}

function Speaker({ person }: { person: Person | undefined }) {
  return person ? <RoomTile key={person.identity} person={person} compact={false} /> : null;
}

function Screen({ sharer, area }: { sharer: Person; area: Rect }) {
  const room = useRoom();
  const [aspect, setAspect] = useState(16 / 9);
  const source = sharer.screen.value;
  const name = sharer.name.value;
  if (sharer.isLocal) {
    return (
      <div class="own-screen">
        <Icon name="share" size={40} />
        <p>{t('room.screen.yours')}</p>
        <button type="button" class="button" onClick={() => void room.setSharing(false)}>
          {t('room.screen.stop')}
        </button>
      </div>
    );
  }
  if (!source) return null;
  const rect = fit({ ...area, x: 0, y: 0 }, aspect);
  return (
    <figure class="screen" style={place(rect)}>
      <SourceVideo source={source} whole label={t('room.screenOf', { name })} shape={setAspect} />
      <figcaption class="tile-tag">
        <Icon name="share" size={16} />
        <span class="tile-name">{t('room.screenOf', { name })}</span>
      </figcaption>
    </figure>
  );
}

// --- strip_layout

function ThinStrip({ size }: { size: Size }) {
  const room = useRoom();
  const gap = 6;
  const { tile, visible } = thinStrip(size.width, size.height, gap);
  const order = galleryOrder(room.tiles.value, visible, room.roster.lastSpoke.value);
  return (
    <div
      class="thin"
      role="list"
      aria-label={t('room.strip')}
      style={{ gap: `${gap}px`, height: `${tile.height}px` }}
    >
      {order.slice(0, visible).map((person) => (
        <div
          key={person.identity}
          role="listitem"
          style={{ width: `${tile.width}px`, height: `${tile.height}px` }}
        >
          <RoomTile person={person} compact />
        </div>
      ))}
    </div>
  );
}
