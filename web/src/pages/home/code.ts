// Codes as people type them.

/** The digits of what was typed or pasted, a link too; `null` if that is no code. */
export function parseCode(typed: string): string | null {
  const fromLink = /\/conf\/call\/(\d{4,12})(?:[/?#]|$)/.exec(typed)?.[1];
  if (fromLink) return fromLink;
  const digits = typed.replace(/[\s.\-–]/gu, '');
  return /^\d{4,12}$/.test(digits) ? digits : null;
}

/** Digits in groups of three, as they are read out. */
export function groupDigits(typed: string): string {
  if (/[^\d\s.\-–]/u.test(typed)) return typed;
  const digits = typed.replace(/\D/g, '').slice(0, 12);
  return digits.replace(/(\d{3})(?=\d)/g, '$1 ');
}
