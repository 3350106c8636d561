import { expect, test } from 'vitest';
import { brandProperties, contrast, inkOn, parseColor, readableOn, toHex } from './branding';

const color = (hex: string) => {
  const parsed = parseColor(hex);
  if (!parsed) throw new Error(`${hex} is no colour`);
  return parsed;
};

test('colours are read strictly', () => {
  expect(parseColor('#fff')).toEqual({ r: 255, g: 255, b: 255 });
  expect(toHex(color('#0b6B53'))).toBe('#0b6b53');
  for (const bad of [null, '', 'red', '#12', '#1234567', 'url(x)', '#ggg']) {
    expect(parseColor(bad)).toBeNull();
  }
});

test('contrast is that of WCAG', () => {
  expect(contrast(color('#000'), color('#fff'))).toBeCloseTo(21);
  expect(contrast(color('#767676'), color('#fff'))).toBeCloseTo(4.54, 1);
});

test('every tenant colour becomes readable, in light and dark', () => {
  for (const hex of ['#ffff00', '#ffffff', '#000000', '#ff0000', '#3366cc', '#808080', '#00ff88']) {
    const properties = brandProperties(hex, null);
    for (const [scheme, surface] of [
      ['light', '#ffffff'],
      ['dark', '#191e1f'],
    ] as const) {
      const fill = color(properties[`--tenant-brand-${scheme}`] ?? '');
      const ink = color(properties[`--tenant-on-brand-${scheme}`] ?? '');
      const text = color(properties[`--tenant-brand-text-${scheme}`] ?? '');
      expect(contrast(fill, color(surface))).toBeGreaterThanOrEqual(3);
      expect(contrast(ink, fill)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(text, color(surface))).toBeGreaterThanOrEqual(4.5);
    }
  }
});

test('a readable colour stays as it is', () => {
  expect(toHex(readableOn(color('#0b6b53'), color('#fff'), 4.5))).toBe('#0b6b53');
  expect(toHex(inkOn(color('#0b6b53')))).toBe('#ffffff');
});

test('a ground counts only where ink reads on it', () => {
  expect(brandProperties(null, '#fafafa')).toEqual({ '--tenant-canvas-light': '#fafafa' });
  expect(brandProperties(null, '#0a0a0a')).toEqual({ '--tenant-canvas-dark': '#0a0a0a' });
  expect(brandProperties(null, '#808080')).toEqual({});
});
