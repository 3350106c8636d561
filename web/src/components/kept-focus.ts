// Focus that would fall to the top of the page because the row that has it is taken away.
import type { RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';

/**
 * Gives it to the row that takes the place, at the same button, or to `rest` where none does. For the component
 * that draws the rows (`row` is their selector) in `root`.
 */
export function useKeptFocus(
  root: RefObject<HTMLElement | null>,
  row: string,
  rest: () => HTMLElement | null,
): void {
  const held = holder(root.current, row);
  useLayoutEffect(() => {
    if (!held || held.element.isConnected || document.activeElement !== document.body) return;
    const rows = root.current?.querySelectorAll<HTMLElement>(row) ?? [];
    const heir = held.row < 0 ? undefined : rows[Math.min(held.row, rows.length - 1)];
    const buttons = heir?.querySelectorAll('button') ?? [];
    (buttons[Math.min(held.button, buttons.length - 1)] ?? rest())?.focus();
  });
}

/** What in `root` has the focus: which button of which row, -1 for one outside the rows. */
function holder(root: HTMLElement | null, selector: string) {
  const element = document.activeElement;
  if (!(element instanceof HTMLElement) || !root?.contains(element)) return null;
  const row = element.closest<HTMLElement>(selector);
  return {
    element,
    row: row ? [...root.querySelectorAll<HTMLElement>(selector)].indexOf(row) : -1,
    button: row ? [...row.querySelectorAll<HTMLElement>('button')].indexOf(element) : -1,
  };
}
