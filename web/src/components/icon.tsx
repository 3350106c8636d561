// The icons: 24 by 24, drawn with one stroke width, coloured by the text around them.

const PATHS = {
  mic: 'M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  micOff:
    'M9 9.5v2a3 3 0 0 0 4.6 2.5M15 11.2V6.5a3 3 0 0 0-5.9-.8M5.5 11.5A6.5 6.5 0 0 0 16.2 16.5M18.2 13.5q.3-1 .3-2M12 18v3M4 4l16 16',
  camera:
    'M4.5 6.5h8.5a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H4.5a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2ZM15 10.8l4.9-3.1a1 1 0 0 1 1.6.8v7a1 1 0 0 1-1.6.8L15 13.2',
  cameraOff:
    'M10 6.5h3a2 2 0 0 1 2 2v2.3l4.9-3.1a1 1 0 0 1 1.6.8v7q0 .4-.2.6M15 15v.5a2 2 0 0 1-2 2H4.5a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2h1.8M4 4l16 16',
  share:
    'M4.5 4.5h15a2 2 0 0 1 2 2v8.5a2 2 0 0 1-2 2h-15a2 2 0 0 1-2-2V6.5a2 2 0 0 1 2-2ZM8.5 20.5h7M12 13.8V8M9.3 10.5 12 7.8l2.7 2.7',
  shareOff:
    'M4.5 4.5h15a2 2 0 0 1 2 2v8.5a2 2 0 0 1-2 2h-15a2 2 0 0 1-2-2V6.5a2 2 0 0 1 2-2ZM8.5 20.5h7M9.7 8.5l4.6 4.6M14.3 8.5l-4.6 4.6',
  people:
    'M9 4.5a3.3 3.3 0 1 1 0 6.6 3.3 3.3 0 0 1 0-6.6ZM2.8 19.5c0-3.3 2.6-5.7 6.2-5.7s6.2 2.4 6.2 5.7M15.6 4.9a3.3 3.3 0 0 1 0 5.8M17.6 14.4c2.2.7 3.6 2.6 3.6 5.1',
  grid: 'M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z',
  stageBottom: 'M4 4h16v9.5H4zM4 16.5h4.3V20H4zM9.9 16.5h4.3V20H9.9zM15.7 16.5H20V20h-4.3z',
  stageLeft: 'M10 4h10v16H10zM4 4h3.5v4.3H4zM4 9.9h3.5v4.3H4zM4 15.7h3.5V20H4z',
  settings:
    'M4 7h8.5M17.5 7H20M4 17h2.5M11.5 17H20M15 4.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5ZM9 14.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5Z',
  fullscreen:
    'M4 9V5a1 1 0 0 1 1-1h4M15 4h4a1 1 0 0 1 1 1v4M20 15v4a1 1 0 0 1-1 1h-4M9 20H5a1 1 0 0 1-1-1v-4',
  fullscreenExit:
    'M9 4v4a1 1 0 0 1-1 1H4M20 9h-4a1 1 0 0 1-1-1V4M15 20v-4a1 1 0 0 1 1-1h4M4 15h4a1 1 0 0 1 1 1v4',
  leave:
    'M3.3 14.2c-.9-1-.9-2.5.2-3.4 4.9-3.9 12.1-3.9 17 0 1.1.9 1.1 2.4.2 3.4l-.8.9a1.6 1.6 0 0 1-2.1.2l-1.7-1.2a1.6 1.6 0 0 1-.7-1.3v-1.3a12 12 0 0 0-6.8 0v1.3c0 .5-.3 1-.7 1.3l-1.7 1.2a1.6 1.6 0 0 1-2.1-.2Z',
  volume: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5ZM15.5 9a4.5 4.5 0 0 1 0 6M18 6.3a8.3 8.3 0 0 1 0 11.4',
  volumeOff: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5ZM16 9.8l4.5 4.5M20.5 9.8 16 14.3',
  close: 'M6 6l12 12M18 6 6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  left: 'M14.5 5.5 8 12l6.5 6.5',
  right: 'M9.5 5.5 16 12l-6.5 6.5',
  more: 'M4.8 12a.7.7 0 1 0 1.4 0 .7.7 0 1 0-1.4 0M11.3 12a.7.7 0 1 0 1.4 0 .7.7 0 1 0-1.4 0M17.8 12a.7.7 0 1 0 1.4 0 .7.7 0 1 0-1.4 0',
  clock: 'M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17ZM12 7.5V12l3 2',
  warning: 'M12 4.2 21 19.5H3ZM12 10v4.2M12 17h.01',
  link: 'M10 13.8a3.6 3.6 0 0 0 5.1.3l3-3a3.6 3.6 0 0 0-5.1-5.1l-1.3 1.3M14 10.2a3.6 3.6 0 0 0-5.1-.3l-3 3a3.6 3.6 0 0 0 5.1 5.1l1.3-1.3',
  lock: 'M6.5 10.5h11a1.5 1.5 0 0 1 1.5 1.5v6.5a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5V12a1.5 1.5 0 0 1 1.5-1.5ZM8 10.5V8a4 4 0 0 1 8 0v2.5',
  door: 'M6 20.5V5a1.5 1.5 0 0 1 1.5-1.5h9A1.5 1.5 0 0 1 18 5v15.5M3.5 20.5h17M14.5 12h.01',
  noSignal: 'M5 17v2M10 13v6M15 9v3M20 5v9M4 4l16 16',
  search: 'M11 4.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM16 16l4.5 4.5',
  windows:
    'M8.5 4h10A1.5 1.5 0 0 1 20 5.5v8a1.5 1.5 0 0 1-1.5 1.5h-10A1.5 1.5 0 0 1 7 13.5v-8A1.5 1.5 0 0 1 8.5 4ZM16 18.5v0A1.5 1.5 0 0 1 14.5 20h-9A1.5 1.5 0 0 1 4 18.5v-8A1.5 1.5 0 0 1 4.5 9',
  star: 'M12 4l2.4 5 5.4.7-4 3.8 1 5.5L12 16.3 7.2 19l1-5.5-4-3.8 5.4-.7Z',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 24 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** Four bars by quality; an empty one is drawn hollow, so that the colour alone says nothing. */
export function Bars({ filled }: { filled: number }) {
  return (
    <svg class="bars" width="16" height="14" viewBox="0 0 16 14" aria-hidden="true">
      {[0, 1, 2, 3].map((bar) => (
        <rect
          key={bar}
          x={bar * 4 + 0.5}
          y={9.5 - bar * 3}
          width="2.5"
          height={4 + bar * 3}
          rx="1"
          class={bar < filled ? 'bar-full' : 'bar-empty'}
        />
      ))}
    </svg>
  );
}
