// Looking texts up in the visitor's language.
import { en, type Catalogue, type TextKey } from './en';

export type { TextKey };
type Values = Readonly<Record<string, string | number>>;
type PluralKey = TextKey extends infer Key
  ? Key extends `${infer Stem}_other`
    ? Stem
    : never
  : never;

const CATALOGUES: Readonly<Record<string, Catalogue>> = { en };

let catalogue: Catalogue = en;
let locale = 'en';

/** Chooses the language: the first wish there is a catalogue for. Dates follow the first wish. */
export function chooseLanguage(wishes: readonly string[]): string {
  for (const wish of wishes) {
    const language = wish.toLowerCase().split('-')[0] ?? '';
    const found = CATALOGUES[language];
    if (found) {
      catalogue = found;
      locale = wish;
      return language;
    }
  }
  return 'en';
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}

/** A text. */
export function t(key: TextKey, values: Values = {}): string {
  return fill(catalogue[key], values);
}

/** A text that goes by a number, which it gets as `{count}`. */
export function plural(stem: PluralKey, count: number, values: Values = {}): string {
  const form = new Intl.PluralRules(locale).select(count) === 'one' ? 'one' : 'other';
  return t(`${stem}_${form}` as TextKey, { count, ...values });
}

/** A moment as people say it: today at 14:00, or with the date. */
export function moment(at: Date, now: Date): string {
  const time: Intl.DateTimeFormatOptions = { hour: 'numeric', minute: '2-digit' };
  const sameDay = at.toDateString() === now.toDateString();
  const date: Intl.DateTimeFormatOptions = sameDay
    ? time
    : { weekday: 'long', day: 'numeric', month: 'long', ...time };
  return new Intl.DateTimeFormat(locale, { ...date, timeZoneName: 'short' }).format(at);
}

/** A day with its year. */
export function day(at: Date): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }).format(at);
}

/** A span as a clock shows it: 4:05 or 1:04:05. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0
    ? `${hours}:${pad(minutes)}:${pad(whole % 60)}`
    : `${minutes}:${pad(whole % 60)}`;
}
