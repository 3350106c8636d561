// Single keys, for those who want them: they can be switched off in the settings (WCAG 2.1.4).
import type { RoomModel } from './model';

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** Carries a key out, if it is one of ours and nothing else wants it. */
export function onShortcut(event: KeyboardEvent, room: RoomModel): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape') {
    if (!room.dialogOpen.peek() && room.panel.peek() !== null) {
      room.panel.value = null;
      document.getElementById('people-button')?.focus();
    }
    return;
  }
  if (!room.shortcuts.peek() || event.repeat || typing(event.target)) return;
  if (room.dialogOpen.peek()) return;
  switch (event.key.toLowerCase()) {
    case 'm':
      if (room.shows('mic')) void room.setMic(!room.micOn.peek());
      break;
    case 'v':
      if (room.shows('camera')) void room.setCamera(!room.cameraOn.peek());
      break;
    case 's':
      if (room.shows('share') && room.canShare) void room.setSharing(!room.sharing);
      break;
    case 'p':
      if (room.shows('participants')) room.togglePanel();
      break;
    case 'l':
      if (room.shows('layout')) room.nextView();
      break;
    case 'f':
      if (room.shows('fullscreen')) void room.toggleFullscreen();
      break;
    default:
      return;
  }
  event.preventDefault();
}
