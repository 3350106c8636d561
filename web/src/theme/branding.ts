// A tenant's colours: data that becomes custom properties, with the contrast checked.

import type { Tenant } from '../config/page';

export interface Rgb {
  r: number;
  g: number;
  b: number;
}

/** Reads `#rrggbb` or `#rgb`. */
export function parseColor(value: string | null): Rgb | null {
  const hex = /^#([0-9a-f]{6}|[0-9a-f]{3})$/i.exec(value ?? '')?.[1];
  if (!hex) return null;
  const full = hex.length === 3 ? hex.replace(/./g, '$&$&') : hex;
  const part = (at: number) => parseInt(full.slice(at, at + 2), 16);
  return { r: part(0), g: part(2), b: part(4) };
}

export function toHex({ r, g, b }: Rgb): string {
  const part = (value: number) => Math.round(value).toString(16).padStart(2, '0');
  return `#${part(r)}${part(g)}${part(b)}`;
}

/** Relative luminance, WCAG 2. */
export function luminance({ r, g, b }: Rgb): number {
  const linear = (value: number) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

/** Contrast ratio, WCAG 2: 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
}

const WHITE: Rgb = { r: 255, g: 255, b: 255 };
const INK: Rgb = { r: 12, g: 16, b: 16 };

const mix = (a: Rgb, b: Rgb, share: number): Rgb => ({
  r: a.r + (b.r - a.r) * share,
  g: a.g + (b.g - a.g) * share,
  b: a.b + (b.b - a.b) * share,
});

/** The colour moved towards black or white just so far that it reaches the ratio on `ground`. */
export function readableOn(color: Rgb, ground: Rgb, ratio: number): Rgb {
  const goal = luminance(ground) > 0.18 ? INK : WHITE;
  for (let share = 0; share < 1; share += 0.04) {
    const candidate = mix(color, goal, share);
    if (contrast(candidate, ground) >= ratio) return candidate;
  }
  return goal;
}

/** Black or white, whichever reads better on the colour. */
export function inkOn(color: Rgb): Rgb {
  return contrast(color, WHITE) >= contrast(color, INK) ? WHITE : INK;
}

const SURFACES = {
  light: { r: 255, g: 255, b: 255 },
  dark: { r: 25, g: 30, b: 31 },
} as const;

/** Custom properties for a tenant's colours; none where it has not set any. */
export function brandProperties(
  primary: string | null,
  background: string | null,
): Record<string, string> {
  const properties: Record<string, string> = {};
  const brand = parseColor(primary);
  if (brand) {
    for (const scheme of ['light', 'dark'] as const) {
      // A button must stand out from the surface (3:1), and text in the colour be readable (4.5:1).
      const fill = readableOn(brand, SURFACES[scheme], 3);
      properties[`--tenant-brand-${scheme}`] = toHex(fill);
      properties[`--tenant-on-brand-${scheme}`] = toHex(inkOn(fill));
      properties[`--tenant-brand-text-${scheme}`] = toHex(readableOn(brand, SURFACES[scheme], 4.8));
    }
  }
  const ground = parseColor(background);
  // A ground of middling lightness carries neither ink well: then ours stays.
  if (ground && luminance(ground) > 0.6) properties['--tenant-canvas-light'] = toHex(ground);
  if (ground && luminance(ground) < 0.03) properties['--tenant-canvas-dark'] = toHex(ground);
  return properties;
}

/** Sets theme, colours, corners, font and icon on the document. */
export function applyTheme(
  root: HTMLElement,
  theme: 'light' | 'dark' | 'auto',
  tenant: Pick<Tenant, 'primaryColor' | 'backgroundColor' | 'radius' | 'font' | 'iconUrl'>,
): void {
  if (tenant.radius) root.dataset['radius'] = tenant.radius;
  if (tenant.font) root.dataset['font'] = tenant.font;
  const icon = root.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (icon && tenant.iconUrl) {
    icon.type = 'image/png';
    icon.href = tenant.iconUrl;
  }
  if (theme !== 'auto') root.dataset['theme'] = theme;
  const properties = brandProperties(tenant.primaryColor, tenant.backgroundColor);
  for (const [name, value] of Object.entries(properties)) root.style.setProperty(name, value);
}
