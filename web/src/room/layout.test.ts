import { describe, expect, test } from 'vitest';
import {
  fit,
  galleryAspects,
  galleryCapacity,
  packGallery,
  stageLayout,
  stripSide,
  thinStrip,
  type Rect,
} from './layout';

const SIZES = [
  [320, 180],
  [320, 480],
  [360, 640],
  [768, 1024],
  [1280, 620],
  [1920, 960],
  [700, 90],
] as const;

const overlap = (a: Rect, b: Rect) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

const pack = (count: number, width: number, height: number) =>
  packGallery(count, { width, height, gap: 8, ...galleryAspects(width, height) });

describe('the gallery', () => {
  test('places every tile inside, without overlap, all of one size', () => {
    for (const [width, height] of SIZES) {
      for (let count = 1; count <= galleryCapacity(width, height, 8); count += 1) {
        const rects = pack(count, width, height);
        expect(rects).toHaveLength(count);
        for (const rect of rects) {
          expect(rect.width).toBe(rects[0]?.width);
          expect(rect.height).toBe(rects[0]?.height);
          expect(rect.x).toBeGreaterThanOrEqual(-1);
          expect(rect.y).toBeGreaterThanOrEqual(-1);
          expect(rect.x + rect.width).toBeLessThanOrEqual(width + 1);
          expect(rect.y + rect.height).toBeLessThanOrEqual(height + 1);
        }
        rects.forEach((rect, index) => {
          for (const other of rects.slice(index + 1)) expect(overlap(rect, other)).toBe(false);
        });
      }
    }
  });

  test('keeps tiles within the shapes asked for', () => {
    for (const [width, height] of SIZES) {
      const { minAspect, maxAspect } = galleryAspects(width, height);
      for (const { width: w, height: h } of pack(5, width, height)) {
        expect(w / h).toBeGreaterThan(minAspect - 0.05);
        expect(w / h).toBeLessThan(maxAspect + 0.05);
      }
    }
  });

  test('lays two side by side in a wide frame and one above the other in an upright one', () => {
    const [a, b] = pack(2, 1280, 620);
    expect(a?.y).toBe(b?.y);
    const [c, d] = pack(2, 360, 640);
    expect(c?.x).toBe(d?.x);
  });

  test('lays four as two by two and nine as three by three', () => {
    for (const [count, columns] of [
      [4, 2],
      [9, 3],
    ] as const) {
      const rects = pack(count, 1280, 620);
      expect(new Set(rects.map((rect) => rect.x)).size).toBe(columns);
      expect(new Set(rects.map((rect) => rect.y)).size).toBe(columns);
    }
  });

  test('centres the last row', () => {
    const rects = pack(5, 1280, 620);
    const last = rects.filter((rect) => rect.y === rects.at(-1)?.y);
    const middle = ((last[0]?.x ?? 0) + (last.at(-1)?.x ?? 0) + (last[0]?.width ?? 0)) / 2;
    expect(Math.abs(middle - 640)).toBeLessThanOrEqual(1);
  });

  test('never wastes area: no other number of columns would give larger tiles by far', () => {
    const rects = pack(7, 1920, 960);
    const area = (rects[0]?.width ?? 0) * (rects[0]?.height ?? 0);
    expect((area * 7) / (1920 * 960)).toBeGreaterThan(0.6);
  });

  test('has no tiles where there is no room or nobody', () => {
    expect(pack(0, 100, 100)).toEqual([]);
    expect(pack(3, 0, 0)).toEqual([]);
  });

  test('takes up to 49 on a large page and at least one on a small one', () => {
    expect(galleryCapacity(1920, 1000, 10)).toBe(49);
    expect(galleryCapacity(60, 40, 6)).toBe(1);
    expect(galleryCapacity(320, 480, 6)).toBeGreaterThanOrEqual(8);
  });
});

describe('the stage', () => {
  test('stage and strip fill the frame and do not overlap', () => {
    for (const side of ['bottom', 'left', 'right'] as const) {
      const { stage, strip } = stageLayout(1280, 700, 10, side);
      expect(overlap(stage, strip)).toBe(false);
      const area = stage.width * stage.height + strip.width * strip.height;
      expect(area).toBeGreaterThan(1280 * 700 * 0.95);
    }
  });

  test('the strip goes below in narrow frames and follows the orientation on wish', () => {
    expect(stripSide('left', 360, 640, false)).toBe('bottom');
    expect(stripSide('left', 1280, 700, false)).toBe('left');
    expect(stripSide('bottom', 900, 600, true)).toBe('left');
    expect(stripSide('left', 700, 1000, true)).toBe('bottom');
  });

  test('a picture is fitted whole and centred', () => {
    expect(fit({ x: 0, y: 0, width: 200, height: 100 }, 1)).toEqual({
      x: 50,
      y: 0,
      width: 100,
      height: 100,
    });
    expect(fit({ x: 0, y: 0, width: 0, height: 100 }, 1).width).toBe(0);
  });

  test('a thin strip shows at most six tiles', () => {
    expect(thinStrip(3000, 120, 6).visible).toBe(6);
    expect(thinStrip(100, 120, 6).visible).toBe(1);
    expect(thinStrip(900, 600, 6).tile.height).toBe(120);
  });
});
