// A button that opens a menu above or below it; arrows move, Esc and a click elsewhere close.
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icon';

export interface MenuItem {
  key: string;
  label: string;
  icon?: IconName;
  /** A choice among the items; absent for plain actions. */
  checked?: boolean;
  class?: string;
  /** Takes something away that does not come back by itself. */
  danger?: boolean;
  run: () => void;
}

interface MenuButtonProps {
  label: string;
  class?: string;
  children: ComponentChildren;
  items: readonly MenuItem[];
  align?: 'start' | 'center' | 'end';
  /** Over everything, at the button's side with more room, for one in a list that scrolls. */
  floating?: boolean;
}

export function MenuButton(props: MenuButtonProps) {
  const { label, class: name, children, items, align, floating } = props;
  // The open menu stays as it opened, so that nothing changes under a finger.
  const [shown, setShown] = useState<readonly MenuItem[] | null>(null);
  const open = shown !== null;
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  // At once, so that a key pressed next finds the menu.
  useLayoutEffect(() => {
    if (!open) return undefined;
    const elsewhere = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setShown(null);
    };
    document.addEventListener('pointerdown', elsewhere);
    // The button has moved away from its menu; the menu's own scrolling moves nothing.
    const gone = ({ target }: Event) => {
      const list = root.current?.querySelector('.menu');
      if (target instanceof Node && list?.contains(target)) return;
      if (list?.contains(document.activeElement)) button.current?.focus({ preventScroll: true });
      setShown(null);
    };
    if (floating) {
      document.addEventListener('scroll', gone, true);
      window.addEventListener('resize', gone);
    }
    const list = root.current?.querySelectorAll<HTMLElement>('.menu-item') ?? [];
    const start = [...list].find((item) => item.ariaChecked === 'true') ?? list[0];
    start?.focus();
    return () => {
      document.removeEventListener('pointerdown', elsewhere);
      document.removeEventListener('scroll', gone, true);
      window.removeEventListener('resize', gone);
    };
  }, [open]);

  const close = () => {
    setShown(null);
    button.current?.focus();
  };

  return (
    <div class="menu-root" ref={root}>
      <button
        ref={button}
        type="button"
        class={name}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={label}
        onClick={() => setShown(open ? null : items)}
      >
        {children}
      </button>
      {shown && (
        <div
          id={id}
          role="menu"
          aria-label={label}
          class={floating ? 'menu menu-floating' : `menu menu-${align ?? 'center'}`}
          style={floating ? besides(button.current) : undefined}
          onKeyDown={(event) => onMenuKey(event, close)}
        >
          {shown.map((item) => (
            <MenuRow key={item.key} item={item} close={close} />
          ))}
        </div>
      )}
    </div>
  );
}

/** Pixels between a floating menu and its button, and the window's edge. */
const GAP = 6;
const EDGE = 8;
/** Pixels below the button that are enough for our menus. */
const ENOUGH = 300;

/** Below the button where there is room, else on the larger side; never beyond the window. */
function besides(button: HTMLElement | null): Record<string, string> {
  if (!button) return {};
  const { top, bottom, right } = button.getBoundingClientRect();
  const end = `${Math.max(EDGE, innerWidth - right)}px`;
  const above = top - GAP - EDGE;
  const below = innerHeight - bottom - GAP - EDGE;
  return below >= Math.min(ENOUGH, above)
    ? { top: `${bottom + GAP}px`, right: end, maxHeight: `${below}px` }
    : { bottom: `${innerHeight - top + GAP}px`, right: end, maxHeight: `${above}px` };
}

function MenuRow({ item, close }: { item: MenuItem; close: () => void }) {
  const choice = item.checked !== undefined;
  return (
    <button
      type="button"
      role={choice ? 'menuitemradio' : 'menuitem'}
      aria-checked={choice ? item.checked : undefined}
      tabIndex={-1}
      class={`menu-item ${item.danger ? 'menu-item-danger' : ''} ${item.class ?? ''}`}
      onClick={() => {
        close();
        item.run();
      }}
    >
      {item.icon && <Icon name={item.icon} size={20} />}
      <span>{item.label}</span>
      {item.checked && <Icon name="check" size={18} />}
    </button>
  );
}

function onMenuKey(event: KeyboardEvent, close: () => void): void {
  const menu = event.currentTarget as HTMLElement;
  const items = [...menu.querySelectorAll<HTMLElement>('.menu-item')];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const go = (index: number) => items.at(index % items.length)?.focus();
  switch (event.key) {
    case 'ArrowDown':
      go(at + 1);
      break;
    case 'ArrowUp':
      go(at - 1);
      break;
    case 'Home':
      go(0);
      break;
    case 'End':
      go(-1);
      break;
    case 'Escape':
      close();
      break;
    case 'Tab':
      close();
      return;
    default:
      return;
  }
  event.preventDefault();
  event.stopPropagation();
}
