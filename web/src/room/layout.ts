// Where the tiles go. All sizes in CSS pixels; pure functions.

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PackOptions {
  width: number;
  height: number;
  gap: number;
  /** Narrowest and widest tile shape, as width / height. */
  minAspect: number;
  maxAspect: number;
}

/** Tile shapes for a frame: upright frames take upright tiles. */
export function galleryAspects(width: number, height: number) {
  return { minAspect: height > width ? 0.72 : 1, maxAspect: 16 / 9 };
}

interface Grid {
  columns: number;
  rows: number;
  width: number;
  height: number;
}

function tileSize(cellWidth: number, cellHeight: number, min: number, max: number) {
  const aspect = cellWidth / cellHeight;
  if (aspect > max) return { width: cellHeight * max, height: cellHeight };
  if (aspect < min) return { width: cellWidth, height: cellWidth / min };
  return { width: cellWidth, height: cellHeight };
}

function grid(count: number, columns: number, options: PackOptions): Grid | null {
  const { width, height, gap, minAspect, maxAspect } = options;
  const rows = Math.ceil(count / columns);
  const cellWidth = (width - gap * (columns - 1)) / columns;
  const cellHeight = (height - gap * (rows - 1)) / rows;
  if (cellWidth <= 0 || cellHeight <= 0) return null;
  return { columns, rows, ...tileSize(cellWidth, cellHeight, minAspect, maxAspect) };
}

// A person is framed for 4:3; a tile far from it shows less of them. The bonus only decides
// between grids of nearly equal area.
function score({ width, height }: Grid, count: number, grid: Grid): number {
  const shape = Math.abs(Math.log(width / height / (4 / 3)));
  const holes = grid.columns * grid.rows - count;
  return width * height * (1 - 0.08 * shape) * (1 - 0.01 * holes);
}

function bestGrid(count: number, options: PackOptions): Grid | null {
  let best: Grid | null = null;
  for (let columns = 1; columns <= count; columns += 1) {
    // The same number of rows with more columns only makes narrower tiles.
    const rows = Math.ceil(count / columns);
    if (columns > 1 && Math.ceil(count / (columns - 1)) === rows) continue;
    const candidate = grid(count, columns, options);
    if (candidate && (!best || score(candidate, count, candidate) > score(best, count, best))) {
      best = candidate;
    }
  }
  return best;
}

/**
 * Packs `count` tiles of one size into the area so that they become as large as possible; the last
 * row is centred. Empty if the area has no room.
 */
export function packGallery(count: number, options: PackOptions): Rect[] {
  if (count <= 0) return [];
  const best = bestGrid(count, options);
  if (!best) return [];
  const { gap } = options;
  const width = Math.floor(best.width);
  const height = Math.floor(best.height);
  const top = Math.max(0, (options.height - best.rows * height - (best.rows - 1) * gap) / 2);
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / best.columns);
    const inRow = Math.min(best.columns, count - row * best.columns);
    const left = (options.width - inRow * width - (inRow - 1) * gap) / 2;
    return {
      x: Math.round(left + (index % best.columns) * (width + gap)),
      y: Math.round(top + row * (height + gap)),
      width,
      height,
    };
  });
}

/** The most tiles of a readable size that the area takes, at least 1 and at most 49. */
export function galleryCapacity(width: number, height: number, gap: number): number {
  const least = width < 480 ? 104 : 148;
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
  const rows = Math.max(1, Math.floor((height + gap) / (least * 0.75 + gap)));
  return Math.min(49, columns * rows);
}

export type StripSide = 'bottom' | 'left' | 'right';

export interface StageLayout {
  stage: Rect;
  strip: Rect;
  tile: { width: number; height: number };
  /** How many tiles the strip shows at once; the others scroll. */
  visible: number;
}

/** One large picture with the others in a strip beside or below it. */
export function stageLayout(
  width: number,
  height: number,
  gap: number,
  side: StripSide,
): StageLayout {
  if (side === 'bottom') {
    // Three of them fit a telephone held upright.
    const tileHeight = clamp(Math.round(Math.min(height * 0.2, width * 0.23)), 64, 140);
    const tileWidth = Math.round(tileHeight * 1.4);
    const stageHeight = Math.max(0, height - tileHeight - gap);
    return {
      stage: { x: 0, y: 0, width, height: stageHeight },
      strip: { x: 0, y: stageHeight + gap, width, height: tileHeight },
      tile: { width: tileWidth, height: tileHeight },
      visible: Math.max(1, Math.floor((width + gap) / (tileWidth + gap))),
    };
  }
  const tileWidth = clamp(Math.round(width * 0.18), 112, 240);
  const tileHeight = Math.round((tileWidth * 10) / 16);
  const stageWidth = Math.max(0, width - tileWidth - gap);
  return {
    stage: { x: side === 'left' ? tileWidth + gap : 0, y: 0, width: stageWidth, height },
    strip: { x: side === 'left' ? 0 : stageWidth + gap, y: 0, width: tileWidth, height },
    tile: { width: tileWidth, height: tileHeight },
    visible: Math.max(1, Math.floor((height + gap) / (tileHeight + gap))),
  };
}

/** The largest rectangle of the given shape inside an area, centred. */
export function fit(area: Rect, aspect: number): Rect {
  if (area.width <= 0 || area.height <= 0 || aspect <= 0) return { ...area, width: 0, height: 0 };
  const wide = area.width / area.height > aspect;
  const width = wide ? area.height * aspect : area.width;
  const height = wide ? area.height : area.width / aspect;
  return {
    x: area.x + (area.width - width) / 2,
    y: area.y + (area.height - height) / 2,
    width,
    height,
  };
}

/** The side for the strip: as asked for, but below the picture where the frame is upright. */
export function stripSide(
  wanted: StripSide,
  width: number,
  height: number,
  auto: boolean,
): StripSide {
  if (width < 560 || (auto && height > width)) return 'bottom';
  return auto && wanted === 'bottom' && width > height ? 'left' : wanted;
}

/** How many tiles fit a strip page of fixed tile height (`strip_layout`): at most six. */
export function thinStrip(width: number, height: number, gap: number) {
  const tileHeight = clamp(height, 48, 120);
  const tileWidth = Math.round((tileHeight * 4) / 3);
  const fits = Math.floor((width + gap) / (tileWidth + gap));
  return { tile: { width: tileWidth, height: tileHeight }, visible: clamp(fits, 1, 6) };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
