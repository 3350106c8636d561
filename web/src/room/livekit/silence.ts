// Noticing that nothing comes from the relay any more. The browser sees that within some seven seconds; the library says so only
// once its signalling has been silent for fifteen.
import type { Signal } from '@preact/signals';
import type { Room } from 'livekit-client';

const LOOK_EVERY_MS = 500;

/** Looks after it until stopped. Answers how to stop. */
export function watchSilence(room: Room, silent: Signal<boolean>): () => void {
  const timer = setInterval(() => {
    const { pcManager } = room.engine;
    const states = [pcManager?.publisher, pcManager?.subscriber].map((transport) =>
      transport?.getICEConnectionState(),
    );
    silent.value = states.includes('disconnected') || states.includes('failed');
  }, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    silent.value = false;
  };
}
